"""Two systems' membership scores compared: is the difference of their AUCs (or rates at few false alarms) chance?

The null hypothesis is that of :mod:`benign.audit.paired`: which system is called the first does not matter, subject by
subject. Two systems' scores have no common scale, and neither number sees more of them than their order, so what is
swapped are a record's ranks within each system. Source: Bandos, Rockette and Gur, A permutation test sensitive to
differences in areas for comparing ROC curves from a paired design (Statistics in Medicine 24, 2005); here whole
subjects are swapped.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from benign.audit.metrics.bootstrap import Floats, Sample, statistic_score
from benign.audit.metrics.roc import auc, tpr, tprs
from benign.audit.paired import EXACT_CLUSTERS, Paired, least, sign_flip_p
from benign.audit.score import TwoSets
from benign.errors import NotMeasured

_BLOCK_VALUES = 4_000_000  # 32 MB of ranks at a time


def paired_sets(
    a: Sequence[TwoSets], b: Sequence[TwoSets], *, draws: int = 9999, level: float = 0.95, seed: int = 0
) -> Paired | NotMeasured:
    """Compare two systems' membership scores; several runs (seeds) of a system count by their mean.

    Args:
        a: The numbers behind the first score (``Score.sets``), one per run.
        b: Those behind the second, of the same records in the same order.
        draws: Swaps to draw where there are too many to count.
        level: Of the interval, a bootstrap that draws members' and others' subjects apart, both systems together.
        seed: Seeds the bootstrap and the drawn swaps.
    """
    first, *others = (*a, *b)
    if any(_about(one) != _about(first) for one in others):
        return NotMeasured("the two scores rest on different records")
    difference = statistic_score(
        partial(_difference, runs=len(a), fpr=first.fpr),
        [_sample(first.member_clusters, [one.members for one in (*a, *b)]),
         _sample(first.other_clusters, [one.others for one in (*a, *b)])],
        bounds=(-1.0, 1.0), draws=1000, level=level, seed=seed,
    )  # fmt: skip
    if isinstance(difference, NotMeasured):
        return difference
    units = _units(first)
    pairs = [(_ranks(one), _ranks(other)) for one, other in itertools.product(a, b)]
    if first.fpr is None:
        p = sign_flip_p(auc_totals(pairs, units, len(first.members)).tolist(), draws=draws, seed=seed)
    else:
        p = _swapped_p(pairs, units, len(first.members), first.fpr, draws, seed)
    values = [float(np.mean([_value(one) for one in side])) for side in (a, b)]
    clusters = int(units.max()) + 1
    return Paired(values[0], values[1], difference, p, clusters, least(clusters, draws))


def auc_totals(pairs: Sequence[tuple[Floats, Floats]], units: NDArray[np.intp], members: int) -> Floats:
    """Each unit's part of the difference of AUCs, so that a swap of the unit's ranks turns the sign of its part.

    Let K(x, y) be 1 where x < y and 1/2 where x = y, and let s and t be -1 where a member's and another's ranks are
    swapped and 1 elsewhere. With P = K(a_i, a_j) - K(b_i, b_j) and Q = K(b_i, a_j) - K(a_i, b_j), the pair (i, j) gives
    (s + t) / 2 P + (t - s) / 2 Q: all swaps of the AUCs' difference are sums of s times a member's and t times
    another's total, and the test is that of any other column.

    Args:
        pairs: Ranks [records] in the first and in the second system, members before others; the mean over pairs counts.
        units: [records] whose records are swapped together.
        members: How many of the records are members.
    """
    found = np.zeros(int(units.max()) + 1)
    for a, b in pairs:
        p = _wins(a, a, members) - _wins(b, b, members)
        q = _wins(b, a, members) - _wins(a, b, members)
        found += np.bincount(units, np.concatenate([(p - q).sum(axis=1), (p + q).sum(axis=0)]), len(found))
    # Divided last: the sums are whole numbers of halves, so what cancels is 0.
    return found / (2 * members * (len(units) - members) * len(pairs))


def _wins(of: Floats, against: Floats, members: int) -> Floats:
    x, y = of[:members, None], against[None, members:]
    wins: Floats = (x < y) + 0.5 * (x == y)
    return wins


def _swapped_p(
    pairs: Sequence[tuple[Floats, Floats]], units: NDArray[np.intp], members: int, fpr: float, draws: int, seed: int
) -> float:
    """The same test for a number that is no sum over records: every swap is measured."""
    moving = np.unique(np.concatenate([units[a != b] for a, b in pairs]))
    if not len(moving):
        return 1.0
    exact = len(moving) <= EXACT_CLUSTERS
    many = 2 ** len(moving) if exact else draws
    observed = abs(_swapped(pairs, np.zeros((1, len(units)), bool), members, fpr)[0])
    generator = np.random.Generator(np.random.PCG64(seed))
    hits, block = 0, max(1, _BLOCK_VALUES // len(units))
    for start in range(0, many, block):
        count = min(block, many - start)
        flips = np.zeros((count, int(units.max()) + 1), bool)
        numbers = np.arange(start, start + count)[:, None]
        drawn = numbers >> np.arange(len(moving)) & 1 if exact else generator.integers(0, 2, (count, len(moving)))
        flips[:, moving] = drawn.astype(bool)
        hits += int(np.sum(np.abs(_swapped(pairs, flips[:, units], members, fpr)) >= observed - 1e-9))
    return hits / many if exact else (hits + 1) / (draws + 1)


def _swapped(pairs: Sequence[tuple[Floats, Floats]], flips: NDArray[np.bool_], members: int, fpr: float) -> Floats:
    """[swaps] the difference of rates, where ``flips`` [swaps, records] says whose ranks are swapped."""
    total = np.zeros(len(flips))
    for a, b in pairs:
        one, other = np.where(flips, b, a), np.where(flips, a, b)
        total += tprs(one[:, :members], one[:, members:], fpr) - tprs(other[:, :members], other[:, members:], fpr)
    return total / len(pairs)


def _ranks(sets: TwoSets) -> Floats:
    """[records] twice the rank among all records, the mean one for ties: whole numbers, which compare exactly."""
    values = np.array((*sets.members, *sets.others))
    ordered = np.sort(values)
    ends = [np.searchsorted(ordered, values, side=side) for side in ("left", "right")]
    return np.asarray(sum(ends), dtype=np.float64)


def _units(sets: TwoSets) -> NDArray[np.intp]:
    """[records] which are swapped together: a subject's, or each alone where a set is about one subject."""
    names: list[tuple[str, str, int]] = []
    for which, clusters in (("members", sets.member_clusters), ("others", sets.other_clusters)):
        lone = len(Counter(clusters)) == 1
        names += [(name, which, i) if lone else (name, "", 0) for i, name in enumerate(clusters)]
    known = {name: number for number, name in enumerate(sorted(set(names)))}
    return np.array([known[name] for name in names], dtype=np.intp)


def _about(sets: TwoSets) -> tuple[tuple[str, ...], tuple[str, ...], float | None]:
    return sets.member_clusters, sets.other_clusters, sets.fpr


def _sample(clusters: tuple[str, ...], runs: Sequence[tuple[float, ...]]) -> Sample:
    return Sample(np.array(runs).T, clusters)


def _value(sets: TwoSets) -> float:
    return _measure(np.array(sets.members), np.array(sets.others), sets.fpr)


def _measure(members: Floats, others: Floats, fpr: float | None) -> float:
    return auc(members, others) if fpr is None else tpr(members, others, fpr)


def _difference(rows: Sequence[Floats], *, runs: int, fpr: float | None) -> float:
    """The mean over the first runs' columns minus the mean over the others'."""
    found = [_measure(rows[0][:, i], rows[1][:, i], fpr) for i in range(rows[0].shape[1])]
    return float(np.mean(found[:runs]) - np.mean(found[runs:]))
