from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from benign.audit.meta import faithfulness, overall, robustness, robustness_quantised, robustness_relearn


def test_the_published_example_of_a_metric_that_rises() -> None:
    """Before .2, after .4: half of the ratio one-sided, 2/3 symmetric."""
    assert robustness_quantised(0.2, 0.4, symmetric=False) == pytest.approx(0.5)
    assert robustness_quantised(0.2, 0.4, symmetric=True) == pytest.approx(2 / 3)


def test_the_published_example_of_a_metric_that_falls() -> None:
    """Before .2, after .1: only the symmetric form sees it."""
    assert robustness_quantised(0.2, 0.1, symmetric=False) == 1.0
    assert robustness_quantised(0.2, 0.1, symmetric=True) == pytest.approx(2 / 3)


def test_the_corners_of_quantisation() -> None:
    assert robustness_quantised(0.0, 0.3, symmetric=False) == 0.0
    assert robustness_quantised(0.0, 0.3, symmetric=True) == 0.0
    for symmetric in (False, True):
        assert robustness_quantised(0.0, 0.0, symmetric=symmetric) == 1.0
        assert robustness_quantised(0.3, 0.3, symmetric=symmetric) == 1.0
        with pytest.raises(ValueError, match="negative"):
            robustness_quantised(-0.1, 0.3, symmetric=symmetric)


@pytest.mark.parametrize(
    ("unlearned", "retrained", "one_sided", "symmetric"),
    [
        (0.4, 0.1, 0.25, 0.4),  # recovers four times as much: 1 - 0.3 / 0.5
        (0.1, 0.4, 1.0, 0.4),  # recovers less, which only the symmetric form counts
        (0.2, 0.2, 1.0, 1.0),
        (0.0, 0.3, 1.0, 0.0),
        (0.3, 0.0, 0.0, 0.0),
        (0.3, -0.1, 0.0, 0.0),
        (-0.2, 0.1, 1.0, 0.0),
        (0.0, 0.0, 1.0, 1.0),
    ],
)
def test_relearning(unlearned: float, retrained: float, one_sided: float, symmetric: float) -> None:
    given = (0.5, 0.5 + unlearned, 0.25, 0.25 + retrained)
    assert robustness_relearn(*given, symmetric=False) == pytest.approx(one_sided)
    assert robustness_relearn(*given, symmetric=True) == pytest.approx(symmetric)


def test_the_symmetric_forms_do_not_know_before_from_after_nor_one_model_from_the_other() -> None:
    generator = np.random.default_rng(0)
    for a, b, c, d in generator.random((50, 4)):
        assert robustness_quantised(a, b, symmetric=True) == robustness_quantised(b, a, symmetric=True)
        found = robustness_relearn(a, b, c, d, symmetric=True)
        assert found == robustness_relearn(c, d, a, b, symmetric=True) == robustness_relearn(b, a, d, c, symmetric=True)
        assert 0 <= found <= 1


def test_faithfulness_is_the_auc_of_scikit_learn() -> None:
    generator = np.random.default_rng(1)
    knows = np.round(generator.normal(0.5, 1, 23), 1)
    never = np.round(generator.normal(0, 1, 17), 1)
    expected = roc_auc_score([1] * 23 + [0] * 17, np.concatenate([knows, never]))
    assert faithfulness(knows.tolist(), never.tolist(), "lower") == pytest.approx(expected, abs=1e-12)
    assert faithfulness(knows.tolist(), never.tolist(), "higher") == pytest.approx(1 - expected, abs=1e-12)


def test_faithfulness_by_hand() -> None:
    """Lower is better, so who knows scores high: of six pairs four are right and one is a tie."""
    assert faithfulness([0.9, 0.4, 0.2], [0.1, 0.4], "lower") == pytest.approx(4.5 / 6)
    assert faithfulness([0.9, 0.8], [0.1], "lower") == faithfulness([0.1], [0.9, 0.8], "higher") == 1.0


def test_overall_is_the_harmonic_mean() -> None:
    assert overall(0.5, 1.0) == robustness(1.0, 0.5) == pytest.approx(2 / 3)
    assert overall(0.0, 1.0) == overall(1.0, 0.0) == 0.0


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        faithfulness([math.nan], [0.0], "lower")
    with pytest.raises(ValueError, match="models"):
        faithfulness([], [0.0], "lower")
    with pytest.raises(ValueError, match="finite"):
        robustness_relearn(0, math.inf, 0, 1, symmetric=False)
