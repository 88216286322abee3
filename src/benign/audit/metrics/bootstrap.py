"""Means with a percentile bootstrap interval, clustered by subject: one person's questions are not independent.

Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13; resampling whole clusters as in
Field and Welsh (2007). Deterministic: a function of the values and the seed.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benign.audit.observation import Observation, Observations
from benign.audit.score import Group as Group
from benign.audit.score import Score
from benign.errors import NotMeasured

Bounds = tuple[float, float]
UNIT: Bounds = (0.0, 1.0)
Floats = NDArray[np.float64]
_BLOCK_VALUES = 1_000_000  # 8 MB at a time, however many subjects there are


def mean_score(
    observations: Observations, each: Callable[[Observation], float], *, bounds: Bounds = UNIT
) -> Score | NotMeasured:
    """The mean of ``each`` over the observations, with its interval; ``NotMeasured`` where there are none."""
    values = [each(o) for o in observations]
    return interval(values, [o.cluster for o in observations], bounds=bounds)


def interval(
    values: Sequence[float],
    clusters: Sequence[str],
    *,
    bounds: Bounds = UNIT,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Score | NotMeasured:
    """The mean of the values and its interval at ``level``.

    With a single cluster its values are drawn one by one, so the interval then ignores their dependence. Where all
    values sit on one bound a bootstrap would claim certainty; the exact binomial (Clopper-Pearson) limit over the
    values is given instead: 0 of 16 is [0, 0.21], not [0, 0].
    """
    group = Group(1.0, tuple(values), tuple(clusters))
    score = combination([group], draws=draws, level=level, seed=seed)
    if isinstance(score, Score) and (set(values) == {bounds[0]} or set(values) == {bounds[1]}) and _finite(bounds):
        return replace(_at_bound(score.value, score.n, bounds, level), groups=score.groups)
    return score


@dataclass(frozen=True)
class Sample:
    """Items of one group, each a row of numbers, with the cluster it belongs to."""

    rows: Floats
    """[items, numbers]"""
    clusters: tuple[str, ...]


def statistic_score(
    statistic: Callable[[Sequence[Floats]], float],
    samples: Sequence[Sample],
    *,
    bounds: Bounds = UNIT,
    draws: int = 300,
    level: float = 0.95,
    seed: int = 0,
) -> Score | NotMeasured:
    """Any statistic of several groups' items, with a percentile bootstrap interval over each group's clusters.

    ``statistic`` gets [items, numbers] of every group and must not depend on the items' order. ``n`` is the number of
    items. On one of the bounds the interval is the exact binomial one over the smallest group, as in
    :func:`interval`. Draws for which the statistic is not a number are left out.
    """
    if any(not len(sample.rows) for sample in samples):
        return NotMeasured("no observations")
    n, smallest = sum(len(sample.rows) for sample in samples), min(len(sample.rows) for sample in samples)
    bad = sum(int((~np.isfinite(sample.rows)).any(axis=1).sum()) for sample in samples)
    if bad:
        return NotMeasured(f"{bad} of {n} values are not finite numbers")
    value = float(statistic([sample.rows for sample in samples]))
    if not math.isfinite(value):
        return NotMeasured("it is not defined for these observations")
    if value in bounds and _finite(bounds):
        return replace(_at_bound(value, smallest, bounds, level), n=n)
    generator = np.random.Generator(np.random.PCG64(seed))
    grouped = [_grouped(sample) for sample in samples]
    found = [statistic([rows[_drawn(sizes, generator)] for rows, sizes in grouped]) for _ in range(draws)]
    low, high = np.nanquantile(found, [(1 - level) / 2, (1 + level) / 2])
    return Score(value, min(float(low), value), max(float(high), value), n)


def _grouped(sample: Sample) -> tuple[Floats, NDArray[np.intp]]:
    """The items cluster by cluster, in an order that ignores the input's, and the clusters' sizes."""
    order = sorted(range(len(sample.rows)), key=lambda i: (sample.clusters[i], sample.rows[i].tolist()))
    sizes = np.array(list(Counter(sample.clusters[i] for i in order).values()), dtype=np.intp)
    return sample.rows[order], sizes if len(sizes) > 1 else np.ones(len(order), dtype=np.intp)


def _drawn(sizes: NDArray[np.intp], generator: np.random.Generator) -> NDArray[np.intp]:
    """Where the items of clusters drawn with replacement stand."""
    chosen = generator.integers(0, len(sizes), len(sizes))
    kept = sizes[chosen]
    first = (sizes.cumsum() - sizes)[chosen] - (kept.cumsum() - kept)
    places: NDArray[np.intp] = np.arange(int(kept.sum()), dtype=np.intp) + np.repeat(first.astype(np.intp), kept)
    return places


def _finite(bounds: Bounds) -> bool:
    return math.isfinite(bounds[1] - bounds[0])


def _at_bound(value: float, n: int, bounds: Bounds, level: float) -> Score:
    reach = (bounds[1] - bounds[0]) * (1 - ((1 - level) / 2) ** (1 / n))
    low, high = (value, value + reach) if value == bounds[0] else (value - reach, value)
    return Score(value, low, high, n)


def combination(
    groups: Sequence[Group], *, draws: int = 1000, level: float = 0.95, seed: int = 0
) -> Score | NotMeasured:
    """The weighted sum of the groups' means; a subject in several groups is drawn into all of them together."""
    if not groups or any(not group.values for group in groups):
        return NotMeasured("no observations")
    bad = sum(not math.isfinite(v) for group in groups for v in group.values)
    n = sum(len(group.values) for group in groups)
    if bad:
        return NotMeasured(f"{bad} of {n} values are not finite numbers")
    weights = np.array([group.weight for group in groups])
    value = math.fsum(g.weight * math.fsum(g.values) / len(g.values) for g in groups)
    drawn = _drawn_means(groups, draws, seed) @ weights
    low, high = np.nanquantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Score(value, min(float(low), value), max(float(high), value), n, tuple(groups))


def _drawn_means(groups: Sequence[Group], draws: int, seed: int) -> Floats:
    generator = np.random.Generator(np.random.PCG64(seed))
    sums, counts = np.zeros((draws, len(groups))), np.zeros((draws, len(groups)))
    for stratum in sorted({group.stratum for group in groups}):
        cluster_sums, cluster_counts = _tables(groups, stratum)
        size = len(cluster_sums)
        block = max(1, _BLOCK_VALUES // cluster_sums.size)
        for start in range(0, draws, block):
            part = slice(start, min(start + block, draws))
            chosen = generator.integers(0, size, size=(part.stop - start, size))
            sums[part] += cluster_sums[chosen].sum(axis=1)
            counts[part] += cluster_counts[chosen].sum(axis=1)
    # A draw can miss a small group entirely; it then says nothing about that group and is left out (NaN).
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)


def _tables(groups: Sequence[Group], stratum: str) -> tuple[Floats, Floats]:
    """Per cluster of the stratum and group: sum and number of values, in an order that ignores the input's."""
    cells: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    members = [(i, group) for i, group in enumerate(groups) if group.stratum == stratum]
    for i, group in members:
        for value, cluster in zip(group.values, group.clusters, strict=True):
            cells[cluster][i].append(value)
    rows: Iterable[dict[int, list[float]]] = (cells[name] for name in sorted(cells))
    if len(cells) == 1:
        rows = ({i: [value]} for i, group in members for value in sorted(group.values))
    kept = list(rows)
    sums = np.array([[math.fsum(row.get(i, ())) for i in range(len(groups))] for row in kept])
    counts = np.array([[float(len(row.get(i, ()))) for i in range(len(groups))] for row in kept])
    return sums, counts
