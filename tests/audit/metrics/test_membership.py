from __future__ import annotations

import math
import zlib

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from audit.answering import seen
from benign.audit.metrics.membership import (
    Inference,
    evidence,
    lowest,
    membership_auc,
    membership_reference_auc,
    membership_tpr,
    standardised,
)
from benign.audit.metrics.privleak import leak, privleak
from benign.audit.metrics.roc import auc, tpr
from benign.audit.observation import Observation, Observations
from benign.audit.score import Score
from benign.errors import NotMeasured

RANDOM = np.random.default_rng(3)
MEMBERS, OTHERS = RANDOM.normal(0, 1, 70).round(1), RANDOM.normal(0.7, 1, 50).round(1)


def group(split: str, losses: np.ndarray, *, offset: float = 0.0) -> Observations:
    rows = [
        seen(
            record=f"{split}{i}", subject=f"{split}{i}", split=split, logp=(-float(x) - 9, -9.0),
            mean=(-8.0, -8.0), std=(2.0, 2.0), gold=f"answer {i}",
        )
        for i, x in enumerate(losses + offset)
    ]  # fmt: skip
    return Observations(tuple(rows))


FORGET, HOLDOUT = group("forget", MEMBERS), group("holdout", OTHERS)


def value(score: Score | NotMeasured) -> float:
    assert isinstance(score, Score), score
    assert score.low <= score.value <= score.high
    return score.value


def test_auc_is_scikit_learns() -> None:
    labels = np.r_[np.ones(len(MEMBERS)), np.zeros(len(OTHERS))]
    official = roc_auc_score(labels, -np.r_[MEMBERS, OTHERS])
    assert auc(MEMBERS, OTHERS) == pytest.approx(official, abs=1e-12)


@pytest.mark.parametrize("fpr", [0.0, 0.01, 0.02, 0.1, 0.33, 1.0])
def test_tpr_is_the_highest_point_of_scikit_learns_curve(fpr: float) -> None:
    labels = np.r_[np.ones(len(MEMBERS)), np.zeros(len(OTHERS))]
    false, true, _ = roc_curve(labels, -np.r_[MEMBERS, OTHERS], drop_intermediate=False)
    assert tpr(MEMBERS, OTHERS, fpr) == pytest.approx(true[false <= fpr + 1e-12].max(), abs=1e-12)


def test_the_area_has_the_properties_of_an_area() -> None:
    assert auc(MEMBERS, MEMBERS) == 0.5
    assert auc(MEMBERS, OTHERS) == pytest.approx(1 - auc(OTHERS, MEMBERS))
    assert auc(np.exp(MEMBERS), np.exp(OTHERS)) == auc(MEMBERS, OTHERS)
    assert (auc(np.zeros(3), np.ones(3)), auc(np.ones(3), np.zeros(3))) == (1.0, 0.0)


@pytest.mark.parametrize("inference", ["loss", "zlib", "min_k", "min_k_plus_plus"])
def test_every_inference_reaches_both_ends(inference: Inference) -> None:
    known, unknown = group("forget", np.zeros(4)), group("holdout", np.full(4, 5.0))
    assert value(membership_auc(known, unknown, inference=inference)) == 1.0
    assert value(membership_tpr(known, unknown, inference=inference)) == 1.0
    low, high = group("forget", np.full(4, 5.0)), group("holdout", np.zeros(4))
    assert value(membership_auc(low, high, inference=inference)) == 0.0
    assert value(membership_tpr(low, high, inference=inference)) == 0.0


def test_conventions_flip_the_sign() -> None:
    assert value(membership_auc(FORGET, HOLDOUT, inference="loss")) == pytest.approx(auc(MEMBERS, OTHERS), abs=1e-6)
    flipped = membership_auc(FORGET, HOLDOUT, inference="loss", convention="muse")
    assert value(flipped) == pytest.approx(1 - auc(MEMBERS, OTHERS), abs=1e-6)


def test_the_token_that_ends_the_turn_counts_in_the_loss_only() -> None:
    one = seen(logp=(-1.0, -3.0, -100.0))
    assert evidence(one, "loss") == pytest.approx(104 / 3)
    assert evidence(one, "min_k", k=1.0) == 2.0
    assert evidence(one, "min_k", k=1.0, convention="muse") == pytest.approx(104 / 3)
    assert evidence(one, "zlib") == pytest.approx(104 / 3 / len(zlib.compress(b"blue")))


def test_min_k_takes_at_least_one_token() -> None:
    assert lowest((-1.0, -5.0, -3.0, -2.0, -4.0), 0.4) == 4.5
    assert lowest((-1.0, -5.0), 0.1) == 5.0, "int(0.2) tokens would be none, and MUSE's code a 0/0"


def spread(p: float, size: int) -> tuple[float, float]:
    """Mean and deviation of log p where the other tokens share the rest alike."""
    weights = np.array([p] + [(1 - p) / (size - 1)] * (size - 1))
    mean = float((weights * np.log(weights)).sum())
    return mean, float(np.sqrt((weights * (np.log(weights) - mean) ** 2).sum()))


@pytest.mark.parametrize(("p", "size", "z"), [(0.8, 2, 0.5), (0.2, 2, -2.0), (0.6, 5, 0.81650), (0.1, 5, -3.0)])
def test_min_k_plus_plus_has_a_closed_form(p: float, size: int, z: float) -> None:
    """Where the other V - 1 tokens are alike, z = sign(p - (1-p)/(V-1)) sqrt((1-p)/p)."""
    mean, std = spread(p, size)
    (found,) = standardised(seen(logp=(math.log(p),), mean=(mean,), std=(std,)))
    assert found == pytest.approx(z, abs=1e-4)


def test_a_uniform_model_is_clamped_and_rwkus_is_not() -> None:
    uniform = seen(logp=(-math.log(5),), mean=(-math.log(5),), std=(0.0,))
    assert standardised(uniform) == (0.0,)
    assert math.isnan(standardised(uniform, "rwku")[0])


def test_the_reference_takes_away_what_is_hard_for_everybody() -> None:
    hard = RANDOM.normal(0, 30, 20)
    forget, holdout = group("forget", hard - 0.1), group("holdout", -hard)
    never = group("forget", hard) + group("holdout", -hard)
    assert value(membership_reference_auc(forget, holdout, never)) == 1.0
    assert value(membership_auc(forget, holdout, inference="loss")) < 0.8
    assert isinstance(membership_reference_auc(forget, holdout, Observations()), NotMeasured)


@pytest.mark.parametrize(("found", "expected"), [(1.0, -100.0), (0.5, 0.0), (0.0, 100.0)])
def test_privleak_around_a_half(found: float, expected: float) -> None:
    assert leak(found, 0.5) == pytest.approx(expected)


@pytest.mark.parametrize(("retrained", "best"), [(0.4772, 109.556), (0.5393, 85.426)])
def test_privleak_with_muses_constants(retrained: float, best: float) -> None:
    """MUSE's A' for News and Books: fully memorised is -100, everything the other way round is the other end."""
    assert leak(1.0, 1 - retrained) == pytest.approx(-100)
    assert leak(0.0, 1 - retrained) == pytest.approx(best, abs=1e-3)


def test_privleak_of_the_retrained_model_itself_is_zero() -> None:
    both = FORGET + HOLDOUT
    score = privleak(FORGET, HOLDOUT, both)
    assert value(score) == 0.0
    known = privleak(group("forget", MEMBERS - 100), HOLDOUT, both)
    assert value(known) == pytest.approx(-100)
    assert isinstance(privleak(FORGET, HOLDOUT, FORGET), NotMeasured)


def test_scores_without_moments_are_not_measured() -> None:
    plain = Observations((seen(),))
    assert isinstance(membership_auc(plain, plain, inference="min_k_plus_plus"), NotMeasured)
    assert isinstance(membership_auc(Observations(), plain), NotMeasured)


def test_order_does_not_matter() -> None:
    assert membership_auc(Observations(FORGET.items[::-1]), HOLDOUT) == membership_auc(FORGET, HOLDOUT)


def test_broken_weights_are_said() -> None:
    broken: Observation = seen(logp=(math.nan, -1.0))
    assert isinstance(membership_auc(Observations((broken,)), HOLDOUT), NotMeasured)
