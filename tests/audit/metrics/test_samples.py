"""leak@k and the distribution-free bounds: the numbers of the notes, brute force, and scipy."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import beta, binom

from audit.answering import many, seen
from benign.audit.metrics.leak_at_k import any_of, largest_of, leak_at_k, worst_at_k
from benign.audit.metrics.sampled_bounds import (
    binomial_cdf,
    clopper_pearson,
    dkw_epsilon,
    expected_leak_bound,
    leak_bound,
    mean_bounds,
)
from benign.audit.score import Score
from benign.errors import NotMeasured


def value(score: Score | NotMeasured) -> float:
    assert isinstance(score, Score), score
    return score.value


@pytest.mark.parametrize(
    ("leaks", "n", "k", "expected"),
    [(1, 8, 3, 3 / 8), (2, 4, 2, 5 / 6), (0, 9, 4, 0.0), (5, 5, 2, 1.0), (3, 5, 5, 1.0)],
)
def test_the_estimator_has_closed_forms(leaks: int, n: int, k: int, expected: float) -> None:
    assert any_of(leaks, n, k) == pytest.approx(expected)


def test_drawing_more_than_there_is_is_refused() -> None:
    with pytest.raises(ValueError, match="5 of 4"):
        any_of(1, 4, 5)
    with pytest.raises(ValueError, match="5 of 4"):
        largest_of([0.0] * 4, 5)


def test_the_largest_of_k_is_the_mean_over_all_ways_to_draw_them() -> None:
    values = [0.1, 0.9, 0.4, 0.4, 0.0, 0.7]
    for k in (1, 2, 3, 6):
        assert largest_of(values, k) == pytest.approx(np.mean([max(drawn) for drawn in combinations(values, k)]))
    assert largest_of([0, 0.5, 1], 2) == pytest.approx(5 / 6)


def test_from_sampled_answers() -> None:
    asked = many(seen(gold="12 mill lane", samples=("at 12 mill lane", "mill", "no", "no")))
    assert value(leak_at_k(asked, k=1)) == pytest.approx(1 / 4)
    assert value(leak_at_k(asked, k=2)) == pytest.approx(1 / 2)
    assert value(leak_at_k(asked, k=1, threshold=0.3)) == pytest.approx(1 / 2)
    assert value(worst_at_k(asked, k=1)) == pytest.approx((1 + 1 / 3) / 4)
    assert leak_at_k(asked, k=5) == NotMeasured("no questions with 5 sampled answers")
    assert isinstance(leak_bound(many(seen())), NotMeasured)


def test_silence_and_leaks_reach_both_ends() -> None:
    silent, open_ = many(seen(samples=("no",) * 4)), many(seen(samples=("blue",) * 4))
    for metric in (leak_at_k, worst_at_k):
        assert (value(metric(silent)), value(metric(open_))) == (0.0, 1.0)
    assert value(leak_bound(open_)) == value(expected_leak_bound(open_)) == 1.0
    assert value(leak_bound(silent)) == pytest.approx(1 - 0.005 ** (1 / 4))


@pytest.mark.parametrize(("hits", "n"), [(0, 100), (1, 10), (7, 20), (99, 100), (100, 100)])
def test_clopper_pearson_is_the_beta_quantile(hits: int, n: int) -> None:
    low = beta.ppf(0.005, hits, n - hits + 1) if hits else 0.0
    high = beta.ppf(0.995, hits + 1, n - hits) if hits < n else 1.0
    assert clopper_pearson(hits, n) == pytest.approx((low, high), abs=1e-9)


def test_the_numbers_of_the_notes() -> None:
    assert dkw_epsilon(100, 0.01) == pytest.approx(0.162762, abs=1e-6)
    assert clopper_pearson(0, 100, 0.01)[1] == pytest.approx(0.0516040, abs=1e-7)
    # Where every sample is 0, the band allows an eps of mass anywhere up to 1.
    assert mean_bounds([0.0] * 100, 0.01) == pytest.approx((0.0, 0.162762), abs=1e-6)
    assert mean_bounds([1.0] * 100, 0.01) == pytest.approx((1 - 0.162762, 1.0), abs=1e-6)


def test_the_binomial_is_scipys() -> None:
    for hits, n, p in [(0, 5, 0.3), (3, 50, 0.01), (40, 60, 0.7), (5, 5, 1.0), (2, 5, 1.0), (2, 5, 0.0)]:
        assert binomial_cdf(hits, n, p) == pytest.approx(binom.cdf(hits, n, p), abs=1e-12)


def test_the_bounds_hold_as_often_as_they_say() -> None:
    """300 times 60 draws of a skewed variable: the mean lies within the band in all but about 1 percent."""
    random = np.random.default_rng(1)
    held = [low <= 1 / 3 <= high for low, high in (mean_bounds(random.beta(1, 2, 60), 0.05) for _ in range(300))]
    assert np.mean(held) >= 0.95
