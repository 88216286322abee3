"""Every column of a scoreboard but the attacks': its name, its meaning in one plain sentence, and its measure."""

from __future__ import annotations

from functools import partial

from benign.audit.attack_columns import attack_column
from benign.audit.column import Column as Column
from benign.audit.column import across, over
from benign.audit.diagnostic_columns import diagnostic_column
from benign.audit.metrics.choice import choice_accuracy
from benign.audit.metrics.exact import exact_match
from benign.audit.metrics.exact_memorisation import exact_memorisation
from benign.audit.metrics.extraction_strength import extraction_strength
from benign.audit.metrics.fact import TEN, fact_score
from benign.audit.metrics.forget_quality import forget_quality
from benign.audit.metrics.meaningful import meaningful_score
from benign.audit.metrics.membership import membership_auc
from benign.audit.metrics.model_utility import model_utility
from benign.audit.metrics.over_forgetting import over_forgetting
from benign.audit.metrics.paraphrased import worst_wording
from benign.audit.metrics.probability import answer_probability
from benign.audit.metrics.refusal import refusal_rate
from benign.audit.metrics.rouge import recall, rouge_l
from benign.audit.metrics.safe_refusals import safe_refusals
from benign.audit.metrics.truth_ratio import truth_ratio
from benign.audit.more_columns import HOLDOUT, MORE, TOKENS
from benign.audit.overall import overall_meaningful, overall_memory, overall_understanding
from benign.audit.plan import AUDITED
from benign.audit.scope import Scope

_RECALL = partial(rouge_l, variant="recall")
_F1 = partial(rouge_l, variant="f1")
_FORGET = Scope(("forget",), "memory", "main")
_BENCH = {
    "forget_iu": ("Forget IU", Scope(("forget",), "understanding", "image"), "what the forgotten pictures show"),
    "forget_im": ("Forget IM", Scope(("forget",), "memory", "image"), "what was to be forgotten, by picture"),
    "retain_iu": ("Retain IU", Scope(("retain",), "understanding", "image"), "what the kept pictures show"),
    "retain_im": ("Retain IM", Scope(("retain",), "memory", "image"), "what was to be kept, by picture"),
}

_FORGETTING = (
    Column("memory_exact", "Memory, exact", "forget", "lower",
           "How often the model still gives the forgotten answer exactly.", over(_FORGET, exact_match)),
    Column("memory_rouge", "Memory, ROUGE-L", "forget", "lower",
           "How much of the forgotten answers still appears in the model's answers.", over(_FORGET, _RECALL)),
    Column("memory_probability", "Memory, probability", "forget", "lower",
           "How likely the forgotten answers still are to the model, even if it does not say them.",
           over(_FORGET, answer_probability)),
    Column("memory_paraphrased", "Memory, reworded", "forget", "lower",
           "How much of the forgotten answers comes back when the question is put in other words.",
           over(Scope(("forget",), "memory", "main", "paraphrases"), partial(worst_wording, each=recall))),
    Column("memory_choice", "Memory, choice", "forget", "lower",
           "How often the model prefers the forgotten answer among several; chance is as good as forgotten.",
           over(_FORGET, choice_accuracy)),
    Column("memory_text", "Memory, by name", "forget", "lower",
           "How much of the forgotten answers appears when the subject is named and no picture is shown.",
           over(Scope(("forget",), "memory", "by_name"), _RECALL)),
    Column("refusal_forget", "Refusals, forget", "forget", "higher",
           "How often the model declines the forgotten questions; inventing an answer is another way to forget.",
           over(Scope(("forget",), "memory"), refusal_rate)),
    Column("memory_tokens", "Memory, token by token", "forget", "lower",
           "How many tokens of the forgotten answers the model would write itself after the ones before them.",
           over(TOKENS, exact_memorisation)),
    Column("memory_extraction", "Memory, extraction", "forget", "lower",
           "How much of the forgotten answers the model says once it is given their beginning.",
           over(TOKENS, extraction_strength)),
    Column("memory_truth", "Memory, true or false", "forget", "lower",
           "How likely the forgotten answers are beside wrong ones of the same form; 0.5 is as likely.",
           over(_FORGET, partial(truth_ratio, form="probability"))),
    Column("truth_ratio", "Truth ratio", "forget", "higher",
           "How alike right and wrong answers are to the model; a retrained model's number is the goal.",
           over(_FORGET, truth_ratio)),
    Column("forget_quality", "Forget quality", "forget", "higher",
           "How well the truth ratios pass for those of a retrained model, as the p-value of a test; small is bad.",
           across(forget_quality)),
    Column("membership_auc", "Membership", "forget", "lower",
           "How well the forget set can be told from records never seen by its least likely tokens; 0.5 is not at all.",
           across(membership_auc, forget=TOKENS, holdout=HOLDOUT), chance=0.5),
)  # fmt: skip

_KEEPING = (
    Column("understanding_forget", "Seeing, forgotten pictures", "keep", "higher",
           "How well the model still describes what is visible in the forgotten subjects' pictures.",
           over(Scope(("forget",), "understanding"), _F1)),
    Column("understanding_retain", "Seeing, kept pictures", "keep", "higher",
           "How well the model describes what is visible in the kept subjects' pictures.",
           over(Scope(("retain",), "understanding"), _F1)),
    Column("understanding_new", "Seeing, new pictures", "keep", "higher",
           "How well the model describes pictures that it was never trained on.",
           over(Scope(("holdout",), "understanding"), _F1)),
    Column("retained_memory", "Kept memory", "keep", "higher",
           "How well the model remembers what nobody asked it to forget.",
           over(Scope(("retain",), "memory", "main"), _F1)),
    Column("retained_text", "Kept memory, by name", "keep", "higher",
           "How well the model remembers the kept subjects by name, without a picture.",
           over(Scope(("retain",), "memory", "by_name"), _F1)),
    Column("neighbour_memory", "Neighbours' memory", "keep", "higher",
           "How well the model remembers what is close to the forgotten and was to stay.",
           over(Scope(("neighbour",), "memory"), _F1)),
    Column("general", "General", "keep", "higher",
           "How well the model answers questions that concern nobody.", over(Scope(("general",)), _F1)),
    Column("over_forgetting", "Neighbours lost", "keep", "lower",
           "How much of what the original knew about the neighbours is gone.", across(over_forgetting)),
    Column("model_utility", "Model utility", "keep", "higher",
           "What was kept in one number, which no single collapse can hide behind.", across(model_utility)),
)  # fmt: skip

_HEALTH = (
    Column("refusal_retain", "Refusals, kept memory", "health", "lower",
           "How often the model declines questions about the kept subjects.",
           over(Scope(("retain",), "memory"), refusal_rate)),
    Column("refusal_understanding", "Refusals, seeing", "health", "lower",
           "How often the model declines to say what is plainly visible.",
           over(Scope(("forget", "retain", "holdout"), "understanding"), refusal_rate)),
    Column("refusal_safe", "Refusals, look-alikes", "health", "lower",
           "How often the model declines harmless questions that look like the forgotten ones.",
           across(safe_refusals), more=True),
    Column("meaningful", "Meaningful", "health", "higher",
           "Whether the answers are language at all, from 0 (noise) to 10 (clear).",
           over(Scope(AUDITED), meaningful_score), TEN),
)  # fmt: skip

_SMLLMUN = (
    *(
        Column(f"rouge_{name}", f"{title}, ROUGE-L", "S-MLLMUn", "lower" if name == "forget_im" else "higher",
               f"Word overlap (ROUGE-L F1) with the expected answers to {about}.", over(scope, _F1))
        for name, (title, scope, about) in _BENCH.items()
    ),
    *(
        Column(f"fact_{name}", f"{title}, fact", "S-MLLMUn", "lower" if name == "forget_im" else "higher",
               f"The judge's mark, 0 to 10, for the facts in the answers to {about}.", over(scope, fact_score), TEN)
        for name, (title, scope, about) in _BENCH.items()
    ),
    Column("overall_understanding", "Overall IU", "S-MLLMUn", "higher",
           "Fact score on visible things, averaged over the forget and the retain set.",
           across(overall_understanding), TEN),
    Column("overall_memory", "Overall memory", "S-MLLMUn", "higher",
           "Fact score on kept memory minus forgotten memory: high only if one stays and the other goes.",
           across(overall_memory), (-10.0, 10.0)),
    Column("overall_meaningful", "Overall meaningful", "S-MLLMUn", "higher",
           "The judge's mark for language, averaged over the benchmark's groups of questions.",
           across(overall_meaningful), TEN),
)  # fmt: skip

_ATTACKS = (
    Column("relearned_memory", "Memory, relearned", "attack", "lower",
           "How much of the forgotten comes back after a short training on other facts about the same subjects."),
)  # fmt: skip

COLUMNS: tuple[Column, ...] = (*_FORGETTING, *_KEEPING, *_HEALTH, *_SMLLMUN, *MORE, *_ATTACKS)
_BY_NAME = {column.name: column for column in COLUMNS}


def column(name: str) -> Column | None:
    """The column of that name, an attack's or a diagnostic's too; None for one that this version does not know."""
    return _BY_NAME.get(name) or attack_column(name) or diagnostic_column(name)
