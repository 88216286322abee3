"""Membership scores of two systems compared: by hand, by counting every swap, and beside DeLong's test."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from benign.audit.metrics.bootstrap import Floats
from benign.audit.paired import Paired
from benign.audit.paired_sets import paired_sets
from benign.audit.score import TwoSets
from benign.errors import NotMeasured


def sets(
    members: tuple[float, ...] | Floats, others: tuple[float, ...] | Floats, *, each: int = 1, fpr: float | None = None
) -> TwoSets:
    """Two sets whose subjects have ``each`` records."""
    names = [
        tuple(f"{kind}{i // each}" for i in range(len(values))) for kind, values in (("m", members), ("o", others))
    ]
    return TwoSets(tuple(map(float, members)), tuple(map(float, others)), names[0], names[1], fpr)


def found(a: list[TwoSets], b: list[TwoSets], *, draws: int = 9999, seed: int = 0) -> Paired:
    result = paired_sets(a, b, draws=draws, seed=seed)
    assert isinstance(result, Paired)
    return result


def auc(members: Floats, others: Floats) -> float:
    truth = [1] * len(members) + [0] * len(others)
    return float(roc_auc_score(truth, -np.concatenate([members, others])))


def rate(members: Floats, others: Floats, fpr: float) -> float:
    allowed = sorted(others)[math.floor(fpr * len(others))]
    return sum(m < allowed for m in members) / len(members)


def counted(a: TwoSets, b: TwoSets) -> float:
    """The p-value by its definition: every way to swap subjects' ranks, and scikit-learn's AUC of each."""
    k = len(a.members)
    one, other = (stats.rankdata([*s.members, *s.others]) for s in (a, b))
    names = [*a.member_clusters, *a.other_clusters]

    def gap(flips: dict[str, bool]) -> float:
        swap = np.array([flips[name] for name in names])
        x, y = np.where(swap, other, one), np.where(swap, one, other)
        if a.fpr is None:
            return auc(x[:k], x[k:]) - auc(y[:k], y[k:])
        return rate(x[:k], x[k:], a.fpr) - rate(y[:k], y[k:], a.fpr)

    subjects = sorted(set(names))
    gaps = [abs(gap(dict(zip(subjects, flips, strict=True)))) for flips in
            itertools.product((False, True), repeat=len(subjects))]  # fmt: skip
    return float(np.mean([g >= gaps[0] - 1e-9 for g in gaps]))


def delong(a: TwoSets, b: TwoSets) -> float:
    """DeLong, DeLong and Clarke-Pearson (1988), for records that are independent."""
    ties = [(np.less.outer(s.members, s.others) + 0.5 * np.equal.outer(s.members, s.others)) for s in (a, b)]
    over_others, over_members = np.array([t.mean(axis=1) for t in ties]), np.array([t.mean(axis=0) for t in ties])
    cov = np.cov(over_others) / len(a.members) + np.cov(over_members) / len(a.others)
    gap = ties[0].mean() - ties[1].mean()
    return float(2 * stats.norm.sf(abs(gap) / math.sqrt(cov[0, 0] + cov[1, 1] - 2 * cov[0, 1])))


def noisy(seed: int, shift: float, *, n: int = 40, each: int = 1, fpr: float | None = None) -> tuple[TwoSets, TwoSets]:
    """Two systems that agree in part; members lie lower by 0.7 in the first and by ``shift`` less in the second."""
    generator = np.random.default_rng(seed)
    made = []
    for kind in ("m", "o"):
        base = np.repeat(generator.normal(size=n // each), each) + generator.normal(size=n)
        made.append([base - (gap if kind == "m" else 0) + 0.7 * generator.normal(size=n) for gap in (0.7, 0.7 - shift)])
    a, b = (sets(made[0][i], made[1][i], each=each, fpr=fpr) for i in (0, 1))
    return a, b


def test_three_records_by_hand() -> None:
    # a puts both members below the other (AUC 1), b both above it (AUC 0). Ranks: a 1 2 | 3, b 2 3 | 1.
    a, b = sets((0.1, 0.2), (0.9,)), sets((5.0, 6.0), (4.0,))
    result = found([a], [b])
    assert (result.a, result.b, result.difference.value, result.clusters) == (1.0, 0.0, 1.0, 3)
    # The first member swapped: ranks 2 2 | 3 and 1 3 | 1, AUCs 1 and 0.25. The second: 1 3 | 3 and 2 2 | 1, 0.75 and 0.
    # The other: 1 2 | 1 and 2 3 | 3, so 0.25 and 0.75. The rest are mirror images: 1 is reached twice in 8.
    assert result.p == result.least_p == 2 / 8


@pytest.mark.parametrize(("seed", "each", "units"), [(0, 1, 6), (1, 1, 6), (2, 2, 4), (3, 3, 6)])
def test_the_p_of_an_auc_is_that_of_counting_every_swap(seed: int, each: int, units: int) -> None:
    generator = np.random.default_rng(seed)
    a, b = (sets(generator.integers(0, 7, 3), generator.integers(1, 8, 3), each=each) for _ in range(2))
    # Three records of one subject are a set about one subject alone: they count record by record.
    same = replace(a, member_clusters=("m0", "m1", "m2"), other_clusters=("o0", "o1", "o2")) if each == 3 else a
    result = found([a], [b])
    assert result.p == pytest.approx(counted(same, b), abs=1e-12)
    assert result.clusters == units


@pytest.mark.parametrize("seed", [3, 4])
def test_the_p_of_a_rate_at_few_false_alarms_is_that_of_counting_every_swap(seed: int) -> None:
    a, b = noisy(seed, 0.7, n=5, fpr=0.2)
    assert found([a], [b]).p == pytest.approx(counted(a, b), abs=1e-12)


@pytest.mark.parametrize(("seed", "shift"), [(0, 0.0), (1, 0.3), (2, 0.5)])
def test_the_p_is_near_delongs_where_records_are_independent(seed: int, shift: float) -> None:
    a, b = noisy(seed, shift, n=100)
    assert found([a], [b]).p == pytest.approx(delong(a, b), rel=0.15, abs=0.01)


def test_a_subject_asked_twice_is_no_more_evidence() -> None:
    a, b = noisy(5, 0.5, n=8)
    twice = [sets(np.repeat(one.members, 2), np.repeat(one.others, 2), each=2) for one in (a, b)]
    apart = [sets(np.array(one.members), np.array(one.others)) for one in twice]
    once = found([a], [b])
    assert found(twice[:1], twice[1:]).p == once.p and found(apart[:1], apart[1:]).p < once.p


def test_only_the_order_within_a_system_counts() -> None:
    a, b = noisy(6, 0.5, n=12)
    stretched = replace(b, members=tuple(np.exp(b.members) + 100), others=tuple(np.exp(b.others) + 100))
    assert found([a], [b]) == found([a], [stretched])


def test_a_system_ties_with_itself_and_swapping_the_sides_turns_the_sign() -> None:
    for fpr in (None, 0.1):
        a, b = noisy(7, 0.6, n=20, fpr=fpr)
        assert found([a], [a]).p == 1.0
        there, back = found([a], [b]), found([b], [a])
        assert there.difference.value == -back.difference.value != 0 and there.p == pytest.approx(back.p, abs=1e-3)


def test_seeds_count_by_their_mean_whatever_their_order() -> None:
    a, b = noisy(8, 0.5, n=12)
    c, _ = noisy(9, 0.5, n=12)
    both, turned = found([a, c], [b]), found([c, a], [b])
    assert both.a == pytest.approx((found([a], [b]).a + found([c], [b]).a) / 2)
    assert both.p == turned.p and both.difference.value == pytest.approx(both.a - both.b)
    assert found([a, a], [b, b]).p == found([a], [b]).p


def test_what_rests_on_other_records_is_not_compared() -> None:
    a, b = noisy(0, 0.5, n=6)
    for other in (replace(b, members=b.members[1:], member_clusters=b.member_clusters[1:]), replace(b, fpr=0.1)):
        result = paired_sets([a], [other])
        assert isinstance(result, NotMeasured) and "different records" in result.reason
