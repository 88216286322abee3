"""Linear CKA: its invariances, another way to compute it, and both ends of erasure."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ortho_group

from audit.inner import data, served, silent
from benign.audit.diagnostics.cka import Cka, alike, blocked, erasure, kernel, linear_cka, weighted
from benign.audit.score import Score
from benign.errors import NotMeasured

RANDOM = np.random.default_rng(3)
X = RANDOM.normal(size=(40, 6))
Y = X[:, :4] @ RANDOM.normal(size=(4, 9)) + RANDOM.normal(size=(40, 9))


def cka(x: np.ndarray, y: np.ndarray) -> float:
    return linear_cka(kernel(x), kernel(y))


def test_it_is_the_same_by_features() -> None:
    """Kornblith et al.: ||Y'X||^2 / (||X'X|| ||Y'Y||) of centred columns."""
    x, y = X - X.mean(0), Y - Y.mean(0)
    expected = np.linalg.norm(y.T @ x) ** 2 / (np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y))
    assert 0.1 < cka(X, Y) < 0.9
    assert cka(X, Y) == pytest.approx(expected, rel=1e-10) == cka(Y, X)


def test_invariances_and_what_it_is_not_invariant_to() -> None:
    turned = X @ ortho_group.rvs(6, random_state=0)
    assert cka(X, X) == pytest.approx(1)
    assert cka(X, 7.0 * turned + 5.0) == pytest.approx(1)
    assert cka(X, Y) == pytest.approx(cka(turned * 0.1 - 3.0, Y))
    assert cka(X, X * np.array([9, 1, 1, 1, 1, 1])) < 0.9


def test_states_that_are_all_the_same_have_none() -> None:
    assert math.isnan(cka(X, np.full((40, 3), 0.7)))


def test_erasure_by_hand() -> None:
    """Gaps of .4 and .1; half of the first and all of the second is gone: (.4 * .5 + .1 * 1) / .5 = .6."""
    before, after = np.array([0.6, 1.0, 0.9]), np.array([0.8, 0.5, 1.0])
    assert erasure(before, after)[[0, 2]] == pytest.approx([0.5, 1.0]) and math.isnan(erasure(before, after)[1])
    assert weighted(before, after) == pytest.approx(0.6)
    assert weighted(np.ones(2), np.ones(2)) != weighted(np.ones(2), np.ones(2)), "nothing to lose is no number"


def test_the_official_codes_number() -> None:
    """``compute_cka_scores`` of gnueaj/unlearning-depth-score (fc31639) on the same arrays, in single precision."""
    row, column = np.meshgrid(np.arange(12), np.arange(3), indexing="ij")
    full = [np.sin(row * (column + 1) + k) for k in range(2)]
    wave = [np.cos(row * row + column + k) for k in range(2)]
    never = [f + 0.8 * w for f, w in zip(full, wave, strict=True)]
    now = [f + 0.5 * w + 0.3 * np.sin(row * 5.0 + column) for f, w in zip(full, wave, strict=True)]
    before = np.array([cka(f, r) for f, r in zip(full, never, strict=True)])
    after = np.array([cka(u, r) for u, r in zip(now, never, strict=True)])
    assert before == pytest.approx([0.58537096, 0.67737246], abs=1e-6)
    assert after == pytest.approx([0.86772090, 0.88345623], abs=1e-6)
    assert weighted(before, after) == pytest.approx(0.66250165, abs=1e-6)


def test_blocks_are_of_whole_subjects() -> None:
    masks = blocked(["a", "b", "a", "c"], most=2)
    assert [mask.tolist() for mask in masks] == [[False, True, False, False], [True, False, True, True]]
    assert len(blocked(["a", "a", "a"])) == 3
    both = alike([kernel(X), kernel(Y)], [np.arange(40) > 4])
    assert both.shape == (1, 2) and both[0, 1] == pytest.approx(cka(X[5:], Y[5:]))


def test_models(tmp_path: Path) -> None:
    original, retrained = served(tmp_path, 0), served(tmp_path, 1)
    ends = [Cka()(one, original, retrained, data(), silent) for one in (original, retrained)]
    values = [found.score.value for found in ends if isinstance(found.score, Score)]
    assert values == pytest.approx([0, 1], abs=1e-6)
    assert ends[0].layers["to_original"] == pytest.approx((1, 1)) and ends[1].layers["to_retrained"] == pytest.approx(
        (1, 1)
    )
    assert max(v for v in ends[0].layers["to_retrained"] if v is not None) < 0.99
    without = Cka()(retrained, original, None, data(), silent)
    assert isinstance(without.score, NotMeasured) and list(without.layers) == ["to_original"]
    assert isinstance(Cka()(retrained, original, original, data(), silent).score, NotMeasured)
