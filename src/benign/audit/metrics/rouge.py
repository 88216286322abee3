"""ROUGE-L: how much of the expected answer's word sequence the generated one follows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from benign.audit.metrics.bootstrap import mean_score
from benign.audit.metrics.words import words
from benign.audit.observation import Observation, Observations
from benign.audit.score import Score
from benign.errors import NotMeasured

Variant = Literal["recall", "f1"]


def rouge_l(observations: Observations, *, variant: Variant) -> Score | NotMeasured:
    """Mean over records of the longest common word subsequence with the expected answer.

    ``recall`` divides by the expected answer's words: a leak inside a long answer is still a leak, so memory is
    measured with it. ``f1`` also punishes added words: naming every colour is not seeing one, so keeping is measured
    with it. Range 0 to 1; lower is better on the forget set's memory, higher elsewhere.
    Source: Lin 2004 (ROUGE-L); equal to ``rouge_score`` without its stemmer on ASCII text. TOFU and OpenUnlearning
    report recall with the stemmer, MUSE F1 without it.
    """
    return mean_score(observations.asked, recall if variant == "recall" else f1)


def recall(observation: Observation) -> float:
    """Longest common subsequence over the expected answer's length."""
    return overlap(observation.gold, observation.text)[1]


def f1(observation: Observation) -> float:
    """Harmonic mean of ROUGE-L's precision and recall."""
    precision, found = overlap(observation.gold, observation.text)
    return 2 * precision * found / (precision + found) if precision + found else 0.0


def overlap(gold: str, text: str) -> tuple[float, float]:
    """ROUGE-L precision and recall; an expected answer without any word (a mere sign) must be given as it is."""
    wanted, given = words(gold), words(text)
    if not wanted:
        same = float(gold.strip() == text.strip())
        return same, same
    common = longest_common_subsequence(wanted, given)
    return (common / len(given) if given else 0.0), common / len(wanted)


def longest_common_subsequence(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the longest sequence that both contain in order, gaps allowed."""
    row = [0] * (len(other) + 1)
    for left in one:
        diagonal = 0
        for j, right in enumerate(other, 1):
            above = row[j]
            row[j] = diagonal + 1 if left == right else max(above, row[j - 1])
            diagonal = above
    return row[-1]
