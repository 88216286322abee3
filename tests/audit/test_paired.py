"""Paired comparisons: p-values by hand and by scipy, Holm by hand, intervals that see the pairing."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from benign.audit.metrics.bootstrap import interval
from benign.audit.paired import Paired, holm, mean_groups, paired, sign_flip_p, tied_with_best
from benign.audit.score import Group, Score
from benign.errors import NotMeasured

TWENTY_FOUR = (
    2.39, -2.21, 0.77, -0.22, -0.1, 0.13, -1.67, 0.12, -0.52, 3.67, 0.58, 0.0,
    0.07, -0.32, -0.71, -0.04, 0.83, 0.11, 1.31, 0.15, 0.37, 1.9, 0.9, -0.16,
)  # fmt: skip


def group(*values: float, clusters: tuple[str, ...] | None = None, weight: float = 1.0, stratum: str = "") -> Group:
    names = clusters or tuple(f"c{i}" for i in range(len(values)))
    return Group(weight, values, names, stratum)


def found(a: Group, b: Group) -> Paired:
    result = paired([a], [b])
    assert isinstance(result, Paired)
    return result


def test_three_units_that_agree_have_p_one_quarter() -> None:
    # 2 of the 8 sign patterns reach the sum of all: all plus and all minus.
    assert sign_flip_p([1.0, 2.0, 3.0]) == 2 / 8


def test_units_without_a_difference_change_nothing() -> None:
    assert sign_flip_p([1.0, 0.0, 2.0, 0.0]) == sign_flip_p([1.0, 2.0]) == 0.5
    assert sign_flip_p([0.0, 0.0]) == sign_flip_p([]) == 1.0


def test_the_exact_p_is_scipys() -> None:
    # scipy 1.17.1: stats.permutation_test((d,), np.sum, permutation_type="samples", n_resamples=np.inf).pvalue
    assert sign_flip_p([0.5, -0.25, 1.0, 0.75, -0.1, 0.3, 0.6]) == pytest.approx(0.078125, abs=1e-12)
    assert sign_flip_p([1, 1, 1, 1, 1, -1, 0, 0, 2]) == pytest.approx(0.109375, abs=1e-12)


def test_the_exact_p_is_that_of_counting_all_patterns() -> None:
    totals = [0.3, -0.2, 0.9, 0.1, 0.1, -0.4]
    reached = [abs(sum(s * t for s, t in zip(signs, totals, strict=True))) for signs in
               itertools.product((-1, 1), repeat=6)]  # fmt: skip
    assert sign_flip_p(totals) == np.mean([x >= abs(sum(totals)) - 1e-12 for x in reached])


def test_the_drawn_p_is_near_scipys_and_never_zero() -> None:
    # scipy 1.17.1, 400 000 patterns: 0.2332.
    assert sign_flip_p(TWENTY_FOUR, draws=40_000) == pytest.approx(0.2332, abs=0.006)
    assert sign_flip_p([1.0] * 40, draws=999) == 1 / 1000
    assert sign_flip_p(TWENTY_FOUR, seed=1) != sign_flip_p(TWENTY_FOUR, seed=2)


def test_the_test_keeps_its_level_and_has_power() -> None:
    generator = np.random.default_rng(5)
    null = [sign_flip_p(generator.normal(0, 1, 10)) for _ in range(400)]
    assert 0.02 < np.mean(np.array(null) <= 0.05) < 0.085
    assert np.mean([sign_flip_p(generator.normal(1.5, 1, 10)) <= 0.05 for _ in range(50)]) > 0.9


def test_holm_by_hand() -> None:
    # 4 x .005 = .02, 3 x .01 = .03, 2 x .03 = .06, 1 x .04 lifted to .06.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.5]) == pytest.approx([1.0, 1.0])
    assert holm([]) == () and holm([0.2]) == (0.2,)


def test_a_constant_difference_is_certain_only_within_pairs() -> None:
    # The two scores vary widely over records; their difference does not vary at all.
    base = [0.0, 0.2, 0.4, 0.6, 0.8, 0.1]
    result = found(group(*(x + 0.1 for x in base)), group(*base))
    assert result.difference.value == pytest.approx(0.1)
    assert result.difference.high - result.difference.low < 1e-12
    apart = interval([x + 0.1 for x in base], [f"c{i}" for i in range(6)])
    assert isinstance(apart, Score) and apart.high - apart.low > 0.2
    assert result.p == 2 / 64 and result.least_p == 2 / 64


def test_one_subjects_answers_are_flipped_together() -> None:
    clusters = ("ann",) * 6 + ("bob",) * 6
    together = found(group(*[1.0] * 12, clusters=clusters), group(*[0.0] * 12, clusters=clusters))
    assert (together.clusters, together.p, together.least_p) == (2, 0.5, 0.5)
    apart = found(group(*[1.0] * 12), group(*[0.0] * 12))
    assert apart.p == 2 / 2**12


def test_a_lone_subject_counts_question_by_question() -> None:
    one = found(group(1.0, 1.0, 1.0, clusters=("ann",) * 3), group(0.0, 0.0, 0.0, clusters=("ann",) * 3))
    assert (one.clusters, one.p) == (3, 2 / 8)


def test_a_difference_of_sets_has_the_hand_worked_value() -> None:
    a = [group(1.0, 0.0, weight=0.5, stratum="keep"), group(1.0, weight=-0.5, clusters=("x",), stratum="forget")]
    b = [group(0.0, 0.0, weight=0.5, stratum="keep"), group(0.0, weight=-0.5, clusters=("x",), stratum="forget")]
    result = paired(a, b)
    assert isinstance(result, Paired)
    assert (result.a, result.b, result.difference.value) == (-0.25, 0.0, -0.25)
    # Cluster totals 0.25 (c0) and -0.5 (x): |s| is 0.25 or 0.75, all four patterns reach 0.25.
    assert result.p == 1.0


def test_swapping_the_sides_turns_the_sign_and_keeps_p() -> None:
    one, other = group(0.9, 0.3, 0.8, 0.2), group(0.1, 0.4, 0.2, 0.1)
    there, back = found(one, other), found(other, one)
    assert there.difference.value == -back.difference.value and there.p == back.p
    assert there.difference.low == pytest.approx(-back.difference.high)


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        ([], [group(1.0)], "nothing to pair"),
        ([group(1.0, 2.0)], [group(1.0)], "different questions"),
        ([group(1.0)], [group(1.0, clusters=("other",))], "different questions"),
        ([group(math.nan)], [group(1.0)], "not finite"),
    ],
)
def test_what_cannot_be_paired_says_why(a: list[Group], b: list[Group], said: str) -> None:
    result = paired(a, b)
    assert isinstance(result, NotMeasured) and said in result.reason


def test_seeds_are_averaged_value_by_value() -> None:
    made = mean_groups([[group(0.0, 1.0)], [group(1.0, 1.0)], [group(0.5, 0.4)]])
    assert made is not None
    assert made[0].values == pytest.approx((0.5, 0.8)) and made[0].clusters == ("c0", "c1")
    assert mean_groups([[group(0.0)], [group(0.0, 1.0)]]) is None
    assert mean_groups([[group(0.0)], []]) is None


def scored(*values: float) -> Score:
    score = interval(values, [f"c{i}" for i in range(len(values))])
    assert isinstance(score, Score)
    return score


def test_the_best_and_who_cannot_be_told_from_it() -> None:
    low, near, high = [0.1] * 10, [0.15, 0.05] * 5, [0.9] * 10
    scores = {"low": scored(*low), "near": scored(*near), "high": scored(*high)}
    assert tied_with_best(scores, better="lower") == ("low", "near")
    assert tied_with_best(scores, better="higher") == ("high",)


def test_many_comparisons_make_the_best_harder_to_show() -> None:
    # Six units that agree: p = 2/64 = .031 alone, .062 among two comparisons.
    scores = {"best": scored(*[1.0] * 6), "one": scored(*[0.5] * 6)}
    assert tied_with_best(scores, better="higher") == ("best",)
    assert tied_with_best(scores | {"two": scored(*[0.5] * 6)}, better="higher") == ("best", "one", "two")


def test_scores_without_values_are_not_called_tied() -> None:
    read = {"one": Score(0.1, 0.1, 0.1, 3), "two": Score(0.2, 0.2, 0.2, 3)}
    assert isinstance(tied_with_best(read, better="lower"), NotMeasured)
    assert isinstance(tied_with_best({}, better="lower"), NotMeasured)
