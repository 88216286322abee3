"""The columns that only those who ask for more see: the field's other measures, each where its needs are there."""

from __future__ import annotations

from functools import partial

from benign.audit.column import Column, across, over
from benign.audit.metrics.bleu import bleu
from benign.audit.metrics.bootstrap import Bounds
from benign.audit.metrics.fluency import ABOVE_ONE, BITS, distinct, fluency, perplexity, self_bleu
from benign.audit.metrics.forget_quality import forget_quality_log10
from benign.audit.metrics.jensen_shannon import distribution_similarity
from benign.audit.metrics.keywords import keyword_match
from benign.audit.metrics.leak_at_k import leak_at_k, worst_at_k
from benign.audit.metrics.membership import Inference, membership_auc, membership_reference_auc, membership_tpr
from benign.audit.metrics.memo import memo
from benign.audit.metrics.modalities import kept_both, leak_either
from benign.audit.metrics.option_probability import option_probability
from benign.audit.metrics.privleak import privacy
from benign.audit.metrics.rouge_presets import rouge_1
from benign.audit.metrics.sampled_bounds import expected_leak_bound, leak_bound
from benign.audit.metrics.truth_ratio import truth_ratio
from benign.audit.metrics.verbatim import knowledge_memorisation, verbatim_memorisation
from benign.audit.observation import PREFIXES
from benign.audit.scope import Scope

LOG10: Bounds = (float("-inf"), 0.0)
FORGET = Scope(("forget",), "memory", "main")
TOKENS = Scope(("forget",), "memory", "main", asked=False)
"""Plain documents too: they are scored token by token though nothing is asked."""
HOLDOUT = Scope(("holdout",), "memory", "main", asked=False)
_RETAIN = Scope(("retain",), "memory", "main")

_TOFU = (
    Column("truth_ratio_kept", "Truth ratio, kept", "TOFU", "higher",
           "How much likelier the right answers about the kept subjects are than wrong ones of the same form.",
           over(_RETAIN, partial(truth_ratio, form="true_better")), more=True),
    Column("forget_quality_log10", "Forget quality, log10 p", "TOFU", "higher",
           "The decimal logarithm of forget quality, which tells very small ones apart.",
           across(forget_quality_log10), LOG10, more=True),
    Column("forget_similarity", "1 - JS distance", "TOFU", "higher",
           "How alike the truth ratios of the unlearned and the retrained model are, whatever the number of records.",
           across(distribution_similarity), more=True),
    Column("memory_option_probability", "Memory, share of probability", "TOFU", "lower",
           "The right answer's share of the probability that the model gives to it and to wrong ones.",
           over(FORGET, option_probability), more=True),
)  # fmt: skip

_MUSE = (
    Column("verbatim_memory", "Verbatim memory", "MUSE", "lower",
           "How closely the model's own words follow the forgotten answers word by word.",
           over(FORGET, verbatim_memorisation), more=True),
    Column("knowledge_memory", "Knowledge memory", "MUSE", "lower",
           "How closely the first answer that the model gives follows the forgotten one.",
           over(FORGET, knowledge_memorisation), more=True),
    Column("memo", "MEMO", "MUSE", "lower",
           "How well the model goes on from every beginning of the forgotten answers.",
           over(Scope(("forget",), "memory", view=PREFIXES), memo), more=True),
)  # fmt: skip

_INFERENCES: dict[Inference, tuple[str, str]] = {
    "loss": ("loss", "the loss"), "zlib": ("zlib", "the loss against the packed length"),
    "min_k_plus_plus": ("Min-K++", "the least likely tokens against what could have stood there"),
}  # fmt: skip
_MEMBERSHIP = (
    *(
        Column(f"membership_{key}", f"Membership, {title}", "membership", "lower",
               f"How well {by} tells the forget set from records never seen; 0.5 is not at all.",
               across(partial(membership_auc, inference=key), forget=TOKENS, holdout=HOLDOUT), more=True, chance=0.5)
        for key, (title, by) in _INFERENCES.items()
    ),
    Column("membership_reference", "Membership, reference", "membership", "lower",
           "How well the loss beside the retrained model's tells the forget set from records never seen.",
           across(membership_reference_auc, forget=TOKENS, holdout=HOLDOUT), more=True, chance=0.5),
    Column("membership_certain", "Membership, certain ones", "membership", "lower",
           "How much of the forget set is found out while one in a hundred records never seen is accused.",
           across(membership_tpr, forget=TOKENS, holdout=HOLDOUT), more=True),
    Column("privacy", "Privacy", "membership", "higher",
           "How near the membership score is to the retrained model's, above or below; 1 is the same.",
           across(privacy, forget=TOKENS, holdout=HOLDOUT), more=True),
)  # fmt: skip

_TEXTS = (
    Column("memory_rouge_1", "Memory, ROUGE-1", "texts", "lower",
           "How many of the forgotten answers' words appear in the model's answers, in any order.",
           over(FORGET, rouge_1), more=True),
    Column("memory_bleu", "Memory, BLEU", "texts", "lower",
           "How much of what the model answers stands in the forgotten answers.", over(FORGET, bleu), more=True),
    Column("memory_keywords", "Memory, keywords", "texts", "lower",
           "How many of the words that make the forgotten answers appear in the model's answers.",
           over(FORGET, keyword_match), more=True),
    Column("memory_either", "Memory, picture or name", "texts", "lower",
           "How much of a forgotten fact comes out by picture or by name, with the worse way weighing more.",
           over(Scope(("forget",), "memory"), leak_either), more=True),
    Column("retained_both", "Kept memory, picture and name", "texts", "higher",
           "How much of a kept fact comes out both by picture and by name.",
           over(Scope(("retain",), "memory"), kept_both), more=True),
    Column("fluency", "Fluency", "texts", "higher",
           "How varied the words within the answers to general questions are, in bits.",
           over(Scope(("general",)), fluency), BITS, more=True),
    Column("perplexity", "Perplexity", "texts", "lower",
           "How surprised the model is by the right answers to general questions; 1 is not at all.",
           over(Scope(("general",)), perplexity), ABOVE_ONE, more=True),
    Column("distinct", "Different word pairs", "texts", "higher",
           "The share of different ones among all pairs of words in the answers to the forgotten questions.",
           over(Scope(("forget",), "memory"), distinct), more=True),
    Column("self_bleu", "Sameness", "texts", "lower",
           "How much each answer to a forgotten question looks like the other ones.",
           over(Scope(("forget",), "memory"), self_bleu), more=True),
)  # fmt: skip

_SAMPLED = (
    Column("leak_at_4", "leak@4", "sampled", "lower",
           "How often at least one of four sampled answers gives the forgotten one away.",
           over(Scope(("forget",), "memory", "main"), leak_at_k), more=True),
    Column("worst_at_4", "Worst of 4", "sampled", "lower",
           "How much of the forgotten answer the best of four sampled answers brings out.",
           over(Scope(("forget",), "memory", "main"), worst_at_k), more=True),
    Column("leak_bound", "Leak, upper bound", "sampled", "lower",
           "How likely a sampled answer leaks at most, by a bound that holds whatever was not sampled.",
           over(Scope(("forget",), "memory", "main"), leak_bound), more=True),
    Column("expected_leak_bound", "Leaked words, upper bound", "sampled", "lower",
           "How much of the forgotten answer a sampled one brings out at most, by a bound of the same kind.",
           over(Scope(("forget",), "memory", "main"), expected_leak_bound), more=True),
)  # fmt: skip

MORE: tuple[Column, ...] = (*_TOFU, *_MUSE, *_MEMBERSHIP, *_TEXTS, *_SAMPLED)
