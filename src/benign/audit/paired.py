"""Two systems that were asked the same questions: the difference of a score, its interval, and whether it is chance.

Pure functions of the values. One person's questions are not independent, so both the interval and the test treat all
that is asked about a subject as one. Sources: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapters
13 and 15 (intervals, permutation tests); Holm, A simple sequentially rejective multiple test procedure (1979).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from benign.audit.metrics.bootstrap import combination
from benign.audit.score import Group, Score
from benign.errors import NotMeasured

EXACT_CLUSTERS = 16
"""Up to so many clusters that differ, all 2^n sign patterns are counted; above, patterns are drawn."""


@dataclass(frozen=True)
class Paired:
    """One score of two systems on the same questions."""

    a: float
    b: float
    difference: Score
    """a minus b, with the paired bootstrap interval over subjects; ``n`` counts the values that were paired."""
    p: float
    """Two-sided, from :func:`sign_flip_p`, not corrected for other columns."""
    clusters: int
    """How many independent units (subjects, or values where there is one subject alone) the test rests on."""
    least_p: float
    """The smallest p that any outcome with so many units could have: 2^(1 - clusters), or the drawn test's floor."""


def paired(
    a: Sequence[Group], b: Sequence[Group], *, draws: int = 9999, level: float = 0.95, seed: int = 0
) -> Paired | NotMeasured:
    """Compare two scores value by value.

    Args:
        a: The values behind the first score (``Score.groups``).
        b: The values behind the second, of the same questions in the same order.
        draws: Sign patterns to draw where there are too many to count.
        level: Of the interval.
        seed: Seeds the bootstrap and the drawn patterns.
    """
    if not a or not b:
        return NotMeasured("the score is not a mean over records, so there is nothing to pair")
    if [(g.weight, g.clusters, g.stratum) for g in a] != [(g.weight, g.clusters, g.stratum) for g in b]:
        return NotMeasured("the two scores rest on different questions")
    gaps = [
        replace(one, values=tuple(x - y for x, y in zip(one.values, other.values, strict=True)))
        for one, other in zip(a, b, strict=True)
    ]
    difference = combination(gaps, level=level, seed=seed)
    if isinstance(difference, NotMeasured):
        return difference
    totals = _cluster_totals(gaps)
    p = sign_flip_p(totals, draws=draws, seed=seed)
    return Paired(_value(a), _value(b), difference, p, len(totals), least(len(totals), draws))


def least(clusters: int, draws: int) -> float:
    """The smallest p that so many units can give: all agree, or none of the draws reaches what was observed."""
    exact = 2.0 ** (1 - clusters)
    return exact if clusters <= EXACT_CLUSTERS else max(exact, 1 / (draws + 1))


def sign_flip_p(totals: Sequence[float], *, draws: int = 9999, seed: int = 0) -> float:
    """Two-sided p-value of a sum under the null that each unit's sign is a coin's: which system is called the first
    does not matter.

    All sign patterns are counted up to :data:`EXACT_CLUSTERS` units that are not zero (the p-value is then exact, and
    equal to ``scipy.stats.permutation_test`` with ``permutation_type="samples"``); above that ``draws`` patterns are
    drawn and the observed one is counted among them, so that p is never zero.
    """
    moving = np.array([total for total in totals if total != 0.0])
    if not len(moving):
        return 1.0
    observed = abs(math.fsum(moving))
    # Sums that are equal but for rounding count as reached.
    reached = observed - 1e-9 * float(np.abs(moving).sum())
    if len(moving) <= EXACT_CLUSTERS:
        patterns = (np.arange(2 ** len(moving))[:, None] >> np.arange(len(moving)) & 1) * 2.0 - 1.0
        return float(np.mean(np.abs(patterns @ moving) >= reached))
    generator = np.random.Generator(np.random.PCG64(seed))
    hits = 0
    for start in range(0, draws, 1000):
        signs = generator.integers(0, 2, size=(min(1000, draws - start), len(moving))) * 2.0 - 1.0
        hits += int(np.sum(np.abs(signs @ moving) >= reached))
    return (hits + 1) / (draws + 1)


def holm(p: Sequence[float]) -> tuple[float, ...]:
    """The p-values corrected for being many: the chance of a single false finding stays below the level.

    Holm's step-down procedure: the i-th smallest of m is multiplied by m - i + 1, never falls below a smaller one's,
    and is at most 1. No assumption on how the tests depend on each other.
    """
    order = sorted(range(len(p)), key=lambda i: p[i])
    corrected, highest = [0.0] * len(p), 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (len(p) - rank) * p[i]))
        corrected[i] = highest
    return tuple(corrected)


def mean_groups(runs: Sequence[Sequence[Group]]) -> tuple[Group, ...] | None:
    """The values averaged over several runs (seeds) of a system, question by question; None where they do not align."""
    if not runs or any(not run for run in runs):
        return None
    first, *others = runs
    for other in others:
        if [(g.weight, g.clusters, g.stratum) for g in other] != [(g.weight, g.clusters, g.stratum) for g in first]:
            return None
    return tuple(
        replace(group, values=tuple(math.fsum(values) / len(runs) for values in zip(*columns, strict=True)))
        for group, columns in zip(first, zip(*([g.values for g in run] for run in runs), strict=True), strict=True)
    )


def tied_with_best(
    scores: dict[str, Score], *, better: str, level: float = 0.05, draws: int = 9999
) -> tuple[str, ...] | NotMeasured:
    """The method with the best mean in a column, and the others that cannot be told from it.

    The best is compared with every other in pairs, corrected by Holm over these comparisons; who is not shown to be
    worse at ``level`` is tied with it.

    Args:
        scores: By method, each with the values behind it.
        better: ``lower`` or ``higher``.
        level: Of the family of comparisons.
        draws: As for :func:`paired`.
    """
    if not scores:
        return NotMeasured("nobody was measured")
    sign = 1.0 if better == "higher" else -1.0
    best = max(sorted(scores), key=lambda name: sign * scores[name].value)
    others = [name for name in sorted(scores) if name != best]
    pairs = [paired(scores[best].groups, scores[name].groups, draws=draws) for name in others]
    failed = next((pair for pair in pairs if isinstance(pair, NotMeasured)), None)
    if failed is not None:
        return failed
    corrected = holm([pair.p for pair in pairs if isinstance(pair, Paired)])
    return (best, *(name for name, p in zip(others, corrected, strict=True) if p >= level))


def _value(groups: Sequence[Group]) -> float:
    return math.fsum(g.weight * math.fsum(g.values) / len(g.values) for g in groups)


def _cluster_totals(gaps: Sequence[Group]) -> list[float]:
    """Each cluster's contribution to the difference; a stratum's lone cluster counts value by value, as the interval
    does."""
    members: dict[str, set[str]] = defaultdict(set)
    for group in gaps:
        members[group.stratum].update(group.clusters)
    totals: dict[tuple[str, int, int], float] = defaultdict(float)
    for i, group in enumerate(gaps):
        lone = len(members[group.stratum]) == 1
        for j, (value, cluster) in enumerate(zip(group.values, group.clusters, strict=True)):
            totals[(cluster, i, j) if lone else (cluster, 0, 0)] += group.weight * value / len(group.values)
    return [totals[name] for name in sorted(totals)]
