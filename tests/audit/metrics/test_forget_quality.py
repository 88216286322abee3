"""The published rows of TOFU's leaderboards are closed forms of the Kolmogorov-Smirnov test; scipy is the judge."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import ks_2samp

from audit.answering import other, seen
from benign.audit.metrics.forget_quality import (
    forget_quality,
    forget_quality_log10,
    ks_distance,
    ks_log10_p,
    ks_p_value,
)
from benign.audit.metrics.jensen_shannon import distance, distribution_similarity
from benign.audit.observation import Observations
from benign.audit.score import Score
from benign.errors import NotMeasured


def model(*log_ratios: float) -> Observations:
    """A record for each log r: the right answer at -1 per token, the wrong one at -1 + log r."""
    rows = [
        seen(record=str(i), subject=str(i), logp=(-10.0,), perturbed=(other("x", -10.0 + r),))
        for i, r in enumerate(log_ratios)
    ]
    return Observations(tuple(rows))


def value(score: Score | NotMeasured) -> float:
    assert isinstance(score, Score), score
    return score.value


@pytest.mark.parametrize(("n", "p"), [(40, 1.86e-23), (200, 1.94e-119), (400, 1.06e-239)])
def test_models_with_nothing_in_common_have_the_published_values(n: int, p: float) -> None:
    """p = 2 / C(2n, n): n = 200 and 400 are the published rows of gradient ascent on forget05 and forget10."""
    found = ks_p_value(range(n), range(n, 2 * n))
    assert found == pytest.approx(2 / math.comb(2 * n, n), rel=1e-9)
    assert found == pytest.approx(p, rel=5e-3)


@pytest.mark.parametrize(
    ("steps", "p"), [(8, 0.405), (9, 0.266), (11, 0.0971), (16, 3.02e-3), (17, 1.27e-3), (19, 1.88e-4)]
)
def test_forget01s_grid_of_values(steps: int, p: float) -> None:
    """With 40 records each the distance is k/40: these are the numbers of the published forget01 table."""
    one = np.arange(40.0)
    assert ks_distance(one, one + steps) * 40 == steps
    assert ks_p_value(one, one + steps) == pytest.approx(p, rel=5e-3)


@settings(max_examples=60, deadline=None)
@given(*(st.lists(st.integers(0, 12), min_size=1, max_size=25) for _ in range(2)))
def test_as_scipy(one: list[int], two: list[int]) -> None:
    with warnings.catch_warnings(record=True) as gave_up:
        warnings.simplefilter("always")
        official = ks_2samp(one, two, method="exact")
    # Where its rounding leaves a probability above 1, scipy warns and takes the limit instead.
    assume(not gave_up)
    assert float(ks_distance(one, two)) == pytest.approx(official.statistic)
    assert ks_p_value(one, two) == pytest.approx(official.pvalue, abs=1e-9)


def test_large_samples_take_the_limit() -> None:
    one, two = np.arange(3000.0), np.arange(2000.0) * 1.6
    official = ks_2samp(one, two, method="asymp")
    assert ks_p_value(one, two) == pytest.approx(official.pvalue, rel=0.2), "scipy's is the limit of n alone"


def test_what_no_float_can_hold_still_has_a_logarithm() -> None:
    assert ks_log10_p(range(900), range(900, 1800)) == pytest.approx(
        math.log10(2) - (math.lgamma(1801) - 2 * math.lgamma(901)) / math.log(10), rel=1e-9
    )


def test_from_observations() -> None:
    known, never = model(-4, -3, -2, -1), model(1, 2, 3, 4)
    assert value(forget_quality(known, never)) == pytest.approx(2 / 70)
    assert value(forget_quality_log10(known, never)) == pytest.approx(math.log10(2 / 70))
    assert value(forget_quality(known, known)) == 1.0
    assert value(forget_quality_log10(known, known)) == 0.0


def test_the_records_and_not_their_order_are_compared() -> None:
    never = model(1, 2, 3, 4)
    assert forget_quality(model(-1, 1, 0, 5), Observations(never.items[::-1])) == forget_quality(
        model(-1, 1, 0, 5), never
    )
    assert forget_quality(model(1, 2), model(1)) == NotMeasured("the other model was not asked 1 of the 2 questions")
    assert isinstance(forget_quality(Observations(), Observations()), NotMeasured)


def test_the_distance_is_scipys() -> None:
    random = np.random.default_rng(0)
    one, two = random.beta(2, 3, 300), random.beta(3, 2, 200)
    p, q = (np.histogram(x, bins=20, range=(0, 1))[0] for x in (one, two))
    assert distance(one, two) == pytest.approx(jensenshannon(p, q, base=2), abs=1e-12)


def test_similarity_reaches_both_ends() -> None:
    assert value(distribution_similarity(model(-4, -3), model(-4, -3))) == 1.0
    assert value(distribution_similarity(model(-4, -3), model(3, 4))) == 0.0
    some = distribution_similarity(model(-4, 3), model(3, 4))
    assert isinstance(some, Score)
    # 1 / (1 + r) is 0.98, 0.05 and 0.02: half of one histogram lies on the whole of the other, JS = 0.311 bits.
    assert some.value == pytest.approx(1 - jensenshannon([0.5, 0.5], [1, 0], base=2), abs=1e-9)
    assert some.low <= some.value <= some.high
