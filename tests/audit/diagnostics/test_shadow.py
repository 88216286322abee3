"""The leave-out audit: normal densities by scipy, the AUC of two normals, and no advantage where there is none."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from audit.inner import data, served, silent
from benign.audit.diagnostics.shadow import _ratio, confidence, confidences, leave_out
from benign.audit.score import Score
from benign.errors import NotMeasured

RANDOM = np.random.default_rng(5)
SUBJECTS = tuple(f"s{i // 2}" for i in range(50))


def auc(found: Score | NotMeasured) -> float:
    assert isinstance(found, Score)
    return found.value


@pytest.mark.parametrize("shared", [True, False])
def test_the_ratio_is_that_of_scipys_densities(shared: bool) -> None:
    scores, with_, without = RANDOM.normal(size=4), RANDOM.normal(1, 2, (6, 4)), RANDOM.normal(size=(5, 4))
    sizes = [m.std(0, ddof=1) if not shared else np.sqrt(m.var(0, ddof=1).mean()) for m in (with_, without)]
    expected = norm.logpdf(scores, with_.mean(0), sizes[0]) - norm.logpdf(scores, without.mean(0), sizes[1])
    np.testing.assert_allclose(_ratio(scores, with_, without, shared), expected, rtol=1e-10)


def test_two_normals_a_distance_apart() -> None:
    """Many models: the ratio is monotone in the score, so the AUC is Phi(d / sqrt 2) and the TPR Phi(d - z)."""
    difficulty = RANDOM.normal(0, 5, 50)  # what one threshold for all records would stumble over
    with_ = difficulty + RANDOM.normal(1.5, 1, (40, 50))
    without = difficulty + RANDOM.normal(0, 1, (40, 50))
    found = leave_out(with_, without, SUBJECTS, fpr=0.1)
    assert auc(found.auc) == pytest.approx(norm.cdf(1.5 / math.sqrt(2)), abs=0.03)
    assert auc(found.tpr) == pytest.approx(norm.cdf(1.5 - norm.ppf(0.9)), abs=0.06)


def test_a_model_does_not_testify_about_itself() -> None:
    """Nothing to tell: with few models a test that kept the tested one would see it on its own side nearly always."""
    with_, without = RANDOM.normal(size=(4, 50)), RANDOM.normal(size=(4, 50))
    for shared in (True, False):
        found = leave_out(with_, without, SUBJECTS, shared=shared)
        assert isinstance(found.auc, Score) and found.auc.low < 0.5 < found.auc.high + 0.05
        assert found.auc.value < 0.6


def test_who_swaps_the_two_kinds_finds_as_much() -> None:
    with_, without = RANDOM.normal(1, 1, (6, 50)), RANDOM.normal(0, 1, (6, 50))
    one, other = (auc(leave_out(a, b, SUBJECTS).auc) for a, b in ((with_, without), (without, with_)))
    assert one == pytest.approx(other)


def test_confidence_is_the_logit() -> None:
    p = np.array([1e-4, 0.3, 0.5, 0.999])
    np.testing.assert_allclose(confidence(np.log(p)), np.log(p / (1 - p)), rtol=1e-9)
    assert np.isfinite(confidence(np.array([0.0, -800.0]))).all()


def test_confidences_are_asked_of_every_model(tmp_path: Path) -> None:
    systems = [served(tmp_path, seed) for seed in (0, 1)]
    records = data().forget
    found = confidences(systems, records, silent)
    assert found.shape == (2, len(records)) and not np.allclose(found[0], found[1])
    logp = systems[1].score(records, [r.answer for r in records])[2].logp
    p = math.exp(sum(logp) / len(logp))
    assert found[1, 2] == pytest.approx(math.log(p / (1 - p)), rel=1e-6)


def test_too_few_models_or_other_records() -> None:
    assert isinstance(leave_out(np.zeros((2, 2)), np.zeros((5, 2)), ("a", "b")).auc, NotMeasured)
    with pytest.raises(ValueError, match="records"):
        leave_out(np.zeros((4, 2)), np.zeros((4, 3)), ("a", "b"))
