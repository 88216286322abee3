"""Every metric once more by other means: scipy, scikit-learn, rouge-score, sacrebleu, torch, or plain counting.

The other files of this folder have closed forms and ends; here random inputs go through two computations that share no
code.
"""

from __future__ import annotations

import itertools
import re
import string
import zlib
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics.bleu import BLEU
from scipy import stats
from sklearn.metrics import accuracy_score, roc_auc_score

from audit.answering import many, other, seen
from benign.audit.metrics.choice import choice_accuracy
from benign.audit.metrics.exact import exact_match
from benign.audit.metrics.exact_memorisation import exact_memorisation
from benign.audit.metrics.extraction_strength import extraction_strength
from benign.audit.metrics.fluency import distinct, fluency, perplexity, self_bleu
from benign.audit.metrics.keywords import keyword_match
from benign.audit.metrics.leak_at_k import leak_at_k, worst_at_k
from benign.audit.metrics.membership import Inference, membership_auc, membership_reference_auc
from benign.audit.metrics.memo import memo
from benign.audit.metrics.modalities import kept_both, leak_either
from benign.audit.metrics.model_utility import model_utility
from benign.audit.metrics.option_probability import option_probability
from benign.audit.metrics.privleak import privacy, privleak
from benign.audit.metrics.probability import answer_probability
from benign.audit.metrics.sampled_bounds import expected_leak_bound, leak_bound
from benign.audit.metrics.truth_ratio import truth_ratio
from benign.audit.metrics.verbatim import knowledge_memorisation, verbatim_memorisation
from benign.audit.observation import Observation, Observations
from benign.audit.score import Score
from benign.errors import NotMeasured

WORDS = ["anna", "lives", "in", "rome", "and", "paints", "red", "green", "houses", "there", "since", "twelve"]
ROUGE = RougeScorer(["rouge1", "rougeL"], use_stemmer=False)
CLOSE = 1e-6


def value(score: Score | NotMeasured) -> float:
    assert isinstance(score, Score), score
    return score.value


def text(random: np.random.Generator, most: int = 9) -> str:
    return " ".join(random.choice(WORDS, int(random.integers(1, most + 1))))


def texts(n: int = 40, seed: int = 0) -> list[tuple[str, str]]:
    random = np.random.default_rng(seed)
    return [(text(random), text(random)) for _ in range(n)]


def told(pairs: Sequence[tuple[str, str]], **fields: object) -> Observations:
    """Observations of (expected, given) texts."""
    made = [seen(given, gold, record=f"r{i}", subject=f"s{i}", **fields) for i, (gold, given) in enumerate(pairs)]
    return Observations(tuple(made))


def likely(n: int = 30, seed: int = 0, split: str = "forget") -> Observations:
    """Observations with random log-probabilities, wrong answers and rewordings."""
    random = np.random.default_rng((seed, len(split)))

    def logps(most: int = 6) -> tuple[float, ...]:
        return tuple(float(x) for x in -random.gamma(1.0, 1.0, int(random.integers(1, most))))

    return Observations(
        tuple(
            seen(
                *(WORDS[i % 5], WORDS[i % 3]), record=f"{split}{i}", subject=f"{split}{i}", split=split, logp=logps(),
                perturbed=tuple(other(f"w{j}", *logps()) for j in range(3)),
                rewordings=(other("again", *logps()),) if split == "forget" else (),
            )
            for i in range(n)
        )
    )  # fmt: skip


def wrong(o: Observation) -> np.ndarray:
    return np.array([np.exp(a.logp / a.tokens) for a in o.perturbed])


def right(o: Observation) -> float:
    given = [np.exp(a.logp / a.tokens) for a in o.rewordings]
    return float(stats.gmean(given)) if given else float(np.exp(np.mean(o.logp)))


def test_probabilities() -> None:
    asked = likely()
    assert value(answer_probability(asked)) == pytest.approx(
        np.mean([stats.gmean(np.exp(o.logp)) for o in asked]), abs=CLOSE
    )
    shares = []
    for o in asked:
        scores = torch.tensor([np.mean(o.logp), *(a.logp / a.tokens for a in o.perturbed)])
        shares.append(float(scores.softmax(0)[0]))
    assert value(option_probability(asked)) == pytest.approx(np.mean(shares), abs=CLOSE)


@pytest.mark.parametrize(
    ("form", "of"),
    [
        ("closer_to_1", lambda r: min(r, 1 / r)),
        ("true_better", lambda r: max(0, 1 - r)),
        ("probability", lambda r: 1 / (1 + r)),
    ],
)
def test_truth_ratio(form: str, of: Callable[[float], float]) -> None:
    asked = likely()
    geometric = [of(float(stats.gmean(wrong(o))) / right(o)) for o in asked]
    arithmetic = [of(float(np.mean(wrong(o))) / right(o)) for o in asked]
    assert value(truth_ratio(asked, form=form)) == pytest.approx(np.mean(geometric), abs=CLOSE)  # type: ignore[arg-type]
    found = truth_ratio(asked, form=form, convention="paper")  # type: ignore[arg-type]
    assert value(found) == pytest.approx(np.mean(arithmetic), abs=CLOSE)


def test_model_utility() -> None:
    groups = [likely(split=split) for split in ("retain", "neighbour", "general")]
    nine = []
    for place, group in enumerate(groups):
        chances = [float(np.exp(np.mean(o.logp))) for o in group]
        if place:
            chances = [p / (p + wrong(o).sum()) for p, o in zip(chances, group, strict=True)]
        nine.append(np.mean(chances))
        nine.append(np.mean([ROUGE.score(o.gold, o.text)["rougeL"].recall for o in group]))
        nine.append(np.mean([max(0.0, 1 - float(stats.gmean(wrong(o))) / right(o)) for o in group]))
    assert value(model_utility(*groups)) == pytest.approx(stats.hmean(nine), abs=CLOSE)


def test_choice_is_the_accuracy_of_the_likeliest() -> None:
    random = np.random.default_rng(3)
    observations, wanted, picked = [], [], []
    for i in range(40):
        options = [other(w, *-random.gamma(1.0, 1.0, int(random.integers(1, 5)))) for w in "abcd"]
        gold = "abcd"[int(random.integers(4))]
        observations.append(seen("", gold, record=str(i), options=tuple(options)))
        wanted.append(gold)
        picked.append("abcd"[int(np.argmax([o.logp / o.tokens for o in options]))])
    assert value(choice_accuracy(many(*observations))) == pytest.approx(accuracy_score(wanted, picked), abs=CLOSE)


def test_exact_match_is_squads() -> None:
    """The normalisation of SQuAD's official script: lower case, no punctuation, no articles, single spaces."""

    def normal(words: str) -> str:
        bare = "".join(c for c in words.lower() if c not in string.punctuation)
        return " ".join(re.sub(r"\b(a|an|the)\b", " ", bare).split())

    random = np.random.default_rng(5)
    signs = ["", "the ", "A ", "an "]
    pairs = []
    for _ in range(60):
        gold = text(random, 2)
        given = gold if random.random() < 0.5 else text(random, 2)
        pairs.append((gold, f"{random.choice(signs)}{given.upper()}{random.choice(['', '.', ' !'])}"))
    expected = np.mean([normal(a) == normal(b) for a, b in pairs])
    assert 0.2 < expected < 0.9
    assert value(exact_match(told(pairs))) == pytest.approx(expected, abs=CLOSE)


def test_keywords_by_sets() -> None:
    asked = [seen(given, gold, record=str(i), question="who paints houses in rome?") for i, (gold, given) in
             enumerate(texts(60, 7))]  # fmt: skip
    function, told_already = {"in", "and", "there"}, {"who", "paints", "houses", "in", "rome"}
    shares = []
    for o in asked:
        keys = set(o.gold.split()) - function - told_already
        if keys:
            shares.append(len(keys & set(o.text.split())) / len(keys))
    found = keyword_match(many(*(o for o in asked if set(o.gold.split()) - function - told_already)))
    assert value(found) == pytest.approx(np.mean(shares), abs=CLOSE)


def test_memorised_tokens_and_extraction_by_counting() -> None:
    random = np.random.default_rng(1)
    observations, memorised, strengths = [], [], []
    for i in range(60):
        n = int(random.integers(1, 8))
        hits = [bool(x) for x in random.random(n) < 0.7]
        # The last token ends the turn and is not part of what was memorised.
        observations.append(seen(record=str(i), logp=(-1.0,) * (n + 1), greedy=(*hits, bool(random.integers(2)))))
        memorised.append(np.mean(hits))
        strengths.append(1 - next(k for k in range(n + 1) if all(hits[k:])) / n)
    assert value(exact_memorisation(many(*observations))) == pytest.approx(np.mean(memorised), abs=CLOSE)
    assert value(extraction_strength(many(*observations))) == pytest.approx(np.mean(strengths), abs=CLOSE)


def test_muse_and_memo_are_rouge_scores() -> None:
    pairs = texts(50, 2)
    longest = [ROUGE.score(gold, given)["rougeL"].fmeasure for gold, given in pairs]
    assert value(verbatim_memorisation(told(pairs))) == pytest.approx(np.mean(longest), abs=CLOSE)
    run_on = [(gold, f"{given}\n\nQuestion: {gold}") for gold, given in pairs]
    assert value(knowledge_memorisation(told(run_on))) == pytest.approx(np.mean(longest), abs=CLOSE)
    precision = [ROUGE.score(gold, given)["rouge1"].precision for gold, given in pairs]
    assert value(memo(told(pairs, view="prefix_5"))) == pytest.approx(np.mean(precision), abs=CLOSE)


def distributions(n: int, seed: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Per answer, logits [tokens, V] and labels, the last one being the token that ends the turn."""
    random = torch.Generator().manual_seed(seed)
    made = []
    for _ in range(n):
        tokens = int(torch.randint(2, 7, (1,), generator=random))
        logits = 2 * torch.randn(tokens, 11, generator=random, dtype=torch.float64)
        made.append((logits, torch.randint(0, 11, (tokens,), generator=random)))
    return made


def observed(made: Sequence[tuple[torch.Tensor, torch.Tensor]], split: str) -> Observations:
    rows = []
    for i, (logits, labels) in enumerate(made):
        p = logits.softmax(-1)
        logp = logits.log_softmax(-1)
        mean = (p * logp).sum(-1)
        std = ((p * (logp - mean[:, None]) ** 2).sum(-1)).sqrt()
        rows.append(
            seen(
                "", " ".join(WORDS[: 1 + i % 9]), record=f"{split}{i}", subject=f"{split}{i}", split=split,
                logp=tuple(logp[range(len(labels)), labels].tolist()), mean=tuple(mean.tolist()),
                std=tuple(std.tolist()),
            )
        )  # fmt: skip
    return Observations(tuple(rows))


def attack(name: str, logits: torch.Tensor, labels: torch.Tensor, gold: str) -> float:
    """The published scores, lower for members, as a user of torch would write them down."""
    loss = float(torch.nn.functional.cross_entropy(logits, labels))
    if name == "loss":
        return loss
    if name == "zlib":
        return loss / len(zlib.compress(gold.encode()))
    inside = logits[:-1].log_softmax(-1)
    chosen = inside.gather(-1, labels[:-1, None]).squeeze(-1)
    if name == "min_k_plus_plus":
        mu = (inside.exp() * inside).sum(-1)
        sigma = (inside.exp() * inside.square()).sum(-1) - mu.square()
        chosen = (chosen - mu) / sigma.clamp_min(1e-6).sqrt()
    return -float(chosen.sort().values[: max(1, int(0.4 * len(chosen)))].mean())


@pytest.mark.parametrize("name", ["loss", "zlib", "min_k", "min_k_plus_plus"])
def test_membership_inference_from_raw_logits(name: Inference) -> None:
    members, strangers = distributions(25, 1), distributions(31, 2)
    sets = observed(members, "forget"), observed(strangers, "holdout")
    scores = [
        attack(name, logits, labels, o.gold)
        for made, group in zip((members, strangers), sets, strict=True)
        for (logits, labels), o in zip(made, group, strict=True)
    ]
    expected = roc_auc_score([1] * 25 + [0] * 31, -np.array(scores))
    assert 0.2 < expected < 0.8
    assert value(membership_auc(*sets, inference=name)) == pytest.approx(expected, abs=CLOSE)


def test_membership_beside_the_retrained_model() -> None:
    one = [observed(distributions(20, s), split) for s, split in ((1, "forget"), (2, "holdout"))]
    two = [observed(distributions(20, s), split) for s, split in ((3, "forget"), (4, "holdout"))]
    # The labels' numbers of tokens differ, which nobody minds: each model's loss is a mean.
    gaps = [
        -(-np.mean(a.logp) + np.mean(b.logp)) for x, y in zip(one, two, strict=True) for a, b in zip(x, y, strict=True)
    ]
    found = membership_reference_auc(one[0], one[1], two[0] + two[1])
    assert value(found) == pytest.approx(roc_auc_score([1] * 20 + [0] * 20, gaps), abs=CLOSE)
    aucs = []
    for sets in (one, two):
        lowest = [np.mean(sorted(o.logp[:-1])[: max(1, int(0.4 * (len(o.logp) - 1)))]) for group in sets for o in group]
        aucs.append(roc_auc_score([1] * 20 + [0] * 20, lowest))
    now, base = aucs
    leak = 100 * ((1 - now) - (1 - base)) / (1 - base)
    assert value(privleak(one[0], one[1], two[0] + two[1])) == pytest.approx(leak, abs=CLOSE)
    near = max(0.0, 1 - abs(now - base) / base)
    assert value(privacy(one[0], one[1], two[0] + two[1])) == pytest.approx(near, abs=CLOSE)


def test_pairs_of_picture_and_name() -> None:
    pairs = texts(30, 4)
    made, leaks, keeps = [], [], []
    for i, (gold, by_picture) in enumerate(pairs):
        by_name = pairs[-i][1]
        fact = f"{gold} {i}"
        made += [
            seen(by_picture, fact, record=f"i{i}", subject=f"s{i}", route="image"),
            seen(by_name, fact, record=f"t{i}", subject=f"s{i}", route="text"),
        ]
        a, b = (ROUGE.score(fact, given)["rougeL"].recall for given in (by_picture, by_name))
        leaks.append(np.average([a, b], weights=[a, b]) if a + b else 0.0)
        keeps.append(stats.hmean([a, b]) if a and b else 0.0)
    assert value(leak_either(many(*made))) == pytest.approx(np.mean(leaks), abs=CLOSE)
    assert value(kept_both(many(*made))) == pytest.approx(np.mean(keeps), abs=CLOSE)


def grams(words: Sequence[str], n: int) -> list[str]:
    return [" ".join(words[i : i + n]) for i in range(len(words) - n + 1)]


def test_perplexity_fluency_and_diversity() -> None:
    asked = likely()
    tokens = np.concatenate([o.logp for o in asked])
    assert value(perplexity(asked)) == pytest.approx(float(np.exp(-tokens.mean())), abs=CLOSE)
    answers = [given for _, given in texts(40, 6)]
    bits, weights = [], np.array([2 / 3, 4 / 3])
    for one in answers:
        counts = [np.unique(grams(one.split(), n), return_counts=True)[1] for n in (2, 3)]
        entropies = [stats.entropy(c, base=2) if len(c) else 0.0 for c in counts]
        bits.append(float(np.mean(weights * entropies)))
    observations = told([("", one) for one in answers])
    assert value(fluency(observations)) == pytest.approx(np.mean(bits), abs=CLOSE)
    pairs = [pair for one in answers for pair in grams(one.split(), 2)]
    assert value(distinct(observations)) == pytest.approx(len(np.unique(pairs)) / len(pairs), abs=CLOSE)
    scorer = BLEU(tokenize="none", effective_order=True)
    same = [scorer.sentence_score(one, answers[:i] + answers[i + 1 :]).score / 100 for i, one in enumerate(answers)]
    assert value(self_bleu(observations)) == pytest.approx(np.mean(same), abs=CLOSE)


def test_sampled_leaks_by_all_draws_and_by_scipy() -> None:
    random = np.random.default_rng(8)
    observations, leaked, worst, bounds, means = [], [], [], [], []
    for i in range(12):
        gold = text(random, 3)
        samples = [gold if random.random() < 0.2 else text(random, 4) for _ in range(7)]
        recalls = np.array([ROUGE.score(gold, sample)["rougeL"].recall for sample in samples])
        draws = list(itertools.combinations(recalls, 4))
        observations.append(seen("", gold, record=str(i), subject=str(i), samples=tuple(samples)))
        leaked.append(np.mean([max(draw) >= 1 for draw in draws]))
        worst.append(np.mean([max(draw) for draw in draws]))
        hits = int((recalls >= 1).sum())
        assert stats.hypergeom(7, hits, 4).sf(0) == pytest.approx(leaked[-1])
        bounds.append(stats.binomtest(hits, 7).proportion_ci(0.99, "exact").high)
        means.append(dkw_mean(recalls))
    asked = many(*observations)
    assert value(leak_at_k(asked)) == pytest.approx(np.mean(leaked), abs=CLOSE)
    assert value(worst_at_k(asked)) == pytest.approx(np.mean(worst), abs=CLOSE)
    assert value(leak_bound(asked)) == pytest.approx(np.mean(bounds), abs=CLOSE)
    # The integral there is exact and here a sum over a million steps.
    assert value(expected_leak_bound(asked)) == pytest.approx(np.mean(means), abs=CLOSE)


def dkw_mean(values: np.ndarray, alpha: float = 0.01, steps: int = 1_000_000) -> float:
    """The integral over the survival function, raised by DKW's band and cut at 1."""
    points = (np.arange(steps) + 0.5) / steps
    survival = 1 - stats.ecdf(values).cdf.evaluate(points)
    return float(np.minimum(1.0, survival + np.sqrt(np.log(2 / alpha) / (2 * len(values)))).mean())
