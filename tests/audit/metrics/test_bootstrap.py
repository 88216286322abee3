from __future__ import annotations

import math
import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benign.audit.metrics.bootstrap import Floats, Group, Sample, combination, interval, statistic_score
from benign.audit.score import Score
from benign.errors import NotMeasured


def measured(score: Score | NotMeasured) -> Score:
    assert isinstance(score, Score)
    return score


def test_the_interval_of_independent_values_is_the_normal_one() -> None:
    values = [float(v) for v in np.random.default_rng(1).normal(0.5, 0.1, size=400)]
    score = measured(interval(values, [str(i) for i in range(400)], draws=4000))
    half = 1.96 * float(np.std(values)) / math.sqrt(400)
    assert score.low == pytest.approx(score.value - half, rel=0.05, abs=1e-3)
    assert score.high == pytest.approx(score.value + half, rel=0.05, abs=1e-3)


def test_values_that_repeat_within_a_subject_count_as_one() -> None:
    people = [float(v) for v in np.random.default_rng(2).random(20)]
    names = [str(i) for i in range(20)]
    alone = measured(interval(people, names))
    repeated = measured(interval(people * 9, names * 9))
    naive = measured(interval(people * 9, [str(i) for i in range(180)]))
    assert (repeated.low, repeated.high) == pytest.approx((alone.low, alone.high), abs=1e-12)
    assert naive.high - naive.low < 0.5 * (alone.high - alone.low), "what clustering protects from"
    assert (alone.n, repeated.n) == (20, 180)


def test_two_subjects_give_the_two_and_their_middle() -> None:
    score = measured(interval([0.0, 0.0, 1.0, 1.0], ["a", "a", "b", "b"]))
    assert (score.value, score.low, score.high) == (0.5, 0.0, 1.0)


def test_one_subject_is_drawn_value_by_value() -> None:
    score = measured(interval([0.0, 1.0] * 50, ["a"] * 100))
    apart = measured(interval([0.0, 1.0] * 50, [str(i) for i in range(100)]))
    assert score.low == pytest.approx(apart.low, abs=0.03)
    assert score.low < 0.5 < score.high


@pytest.mark.parametrize("n", [1, 16, 100])
def test_all_on_one_bound_is_not_certainty(n: int) -> None:
    none = measured(interval([0.0] * n, [str(i) for i in range(n)]))
    every = measured(interval([10.0] * n, ["a"] * n, bounds=(0.0, 10.0)))
    limit = 1 - 0.025 ** (1 / n)  # Clopper-Pearson for 0 of n
    assert (none.value, none.low, none.high) == (0.0, 0.0, pytest.approx(limit))
    assert (every.value, every.low, every.high) == (10.0, pytest.approx(10 * (1 - limit)), 10.0)


def test_equal_values_inside_the_range_have_no_width() -> None:
    score = measured(interval([0.25] * 8, list("abcdefgh")))
    assert (score.low, score.high) == (0.25, 0.25)


def test_the_coverage_is_about_what_it_says() -> None:
    generator = np.random.default_rng(3)
    hits = 0
    for _ in range(200):
        people = generator.normal(0.5, 0.2, size=30)
        values = (people[:, None] + generator.normal(0, 0.05, size=(30, 5))).ravel()
        names = [str(i) for i in range(30) for _ in range(5)]
        score = measured(interval([float(v) for v in values], names, draws=200))
        hits += score.low <= 0.5 <= score.high
    assert 0.88 <= hits / 200 <= 0.99


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from("abcd")), min_size=1, max_size=20), st.randoms())
def test_order_does_not_matter(pairs: list[tuple[float, str]], shuffler: random.Random) -> None:
    mixed = list(pairs)
    shuffler.shuffle(mixed)
    scores = [interval([v for v, _ in p], [c for _, c in p], draws=50) for p in (pairs, mixed)]
    assert scores[0] == scores[1]
    score = measured(scores[0])
    assert score.low <= score.value <= score.high


def test_the_seed_decides_the_draws() -> None:
    values, names = [0.1, 0.5, 0.4, 0.9, 0.3], list("abcde")
    assert interval(values, names, seed=1) == interval(values, names, seed=1)
    assert interval(values, names, seed=1, draws=50) != interval(values, names, seed=2, draws=50)


def test_a_difference_of_sets_is_wider_than_each_and_their_subjects_are_drawn_apart() -> None:
    generator = np.random.default_rng(4)
    groups = [
        Group(weight, tuple(map(float, generator.random(50))), tuple(f"{name}{i}" for i in range(50)), name)
        for weight, name in ((1.0, "retain"), (-1.0, "forget"))
    ]
    score = measured(combination(groups, draws=3000))
    variances = [np.var(group.values) / 50 for group in groups]
    assert score.value == pytest.approx(np.mean(groups[0].values) - np.mean(groups[1].values))
    assert score.high - score.low == pytest.approx(2 * 1.96 * math.sqrt(sum(variances)), rel=0.08)
    assert score.n == 100


def test_a_subject_in_two_groups_is_drawn_into_both() -> None:
    values, names = (0.1, 0.9, 0.3, 0.7), tuple("abcd")
    score = measured(combination([Group(1.0, values, names), Group(-1.0, values, names)]))
    assert (score.value, score.low, score.high) == pytest.approx((0.0, 0.0, 0.0), abs=1e-12)


def test_nothing_and_no_numbers_are_not_measured() -> None:
    assert interval([], []) == NotMeasured("no observations")
    assert combination([]) == NotMeasured("no observations")
    assert interval([0.1, math.nan], ["a", "b"]) == NotMeasured("1 of 2 values are not finite numbers")


def sample(values: Sequence[float], people: int) -> Sample:
    return Sample(np.array(values, dtype=float).reshape(-1, 1), tuple(str(i % people) for i in range(len(values))))


def mean(rows: Sequence[Floats]) -> float:
    return float(rows[0].mean())


def test_any_statistic_has_the_interval_that_the_mean_has() -> None:
    values = np.random.default_rng(0).random(120).round(3)
    for people in (120, 30):
        found = statistic_score(mean, [sample(values.tolist(), people)], draws=4000)
        known = interval(values.tolist(), sample(values.tolist(), people).clusters, draws=4000)
        assert isinstance(found, Score)
        assert isinstance(known, Score)
        assert (found.value, found.n) == (pytest.approx(known.value), known.n)
        assert (found.low, found.high) == pytest.approx((known.low, known.high), abs=0.006)


def test_whole_clusters_are_drawn() -> None:
    """Ten people with twelve equal values each know ten things and not 120: the interval is that of ten values."""
    people = np.random.default_rng(1).random(10)
    whole = statistic_score(mean, [sample([people[i % 10] for i in range(120)], 10)], draws=4000)
    ten = statistic_score(mean, [sample(people.tolist(), 10)], draws=4000)
    assert isinstance(whole, Score)
    assert isinstance(ten, Score)
    assert (whole.low, whole.high) == pytest.approx((ten.low, ten.high), abs=0.02)


def test_clusters_of_different_sizes_keep_their_own_items() -> None:
    """Nobody's items come apart: with one person all 0 and another all 1, a draw's sum is a multiple of their sizes."""
    rows = Sample(np.array([[0.0]] * 3 + [[1.0]] * 5), ("a",) * 3 + ("b",) * 5)
    seen: set[tuple[int, int]] = set()

    def counted(found: Sequence[Floats]) -> float:
        ones = int(found[0].sum())
        seen.add((len(found[0]) - ones, ones))
        return ones / len(found[0])

    statistic_score(counted, [rows])
    assert seen == {(3, 5), (6, 0), (0, 10)}


def test_a_statistic_on_its_bound_claims_no_certainty() -> None:
    score = statistic_score(mean, [sample([1.0] * 16, 16)])
    assert score == interval([1.0] * 16, [str(i) for i in range(16)])
    assert isinstance(score, Score)
    assert score.low == pytest.approx(0.025 ** (1 / 16))


def test_a_statistic_that_is_not_defined_is_said() -> None:
    assert isinstance(statistic_score(lambda _: math.nan, [sample([1.0], 1)]), NotMeasured)
    assert isinstance(statistic_score(mean, [sample([math.nan], 1)]), NotMeasured)
    assert statistic_score(mean, [Sample(np.zeros((0, 1)), ())]) == NotMeasured("no observations")
