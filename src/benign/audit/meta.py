"""How far a metric can be trusted: does it know who knows (faithfulness), and does its verdict last (robustness)?

Sources: OpenUnlearning (arXiv 2506.12618, section 4.1, equations 2 to 4) for faithfulness and the one-sided forms; the
unlearning depth score (arXiv 2605.24614) for the symmetric ones, which punish every change and not only recovery. In
all robustness forms a metric is oriented so that higher means more knowledge: give 1 - score where higher is better.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from benign.audit.metrics.model_utility import harmonic
from benign.audit.metrics.roc import auc


def faithfulness(
    with_knowledge: Sequence[float], without: Sequence[float], better: Literal["higher", "lower"]
) -> float:
    """AUC of telling models that have the knowledge from models that never had it by the metric's value.

    Range 0 to 1: 1 separates all pairs, 0.5 is chance, 0 separates them the wrong way round. Ties count half.

    Args:
        with_knowledge: The metric's value for each model that has the knowledge.
        without: The metric's value for each model that has not.
        better: The metric's direction as the scoreboard has it: where ``lower`` is better, a model that has the
            knowledge should score higher, and the other way round.

    Raises:
        ValueError: A pool is empty, or a value is not a finite number.
    """
    if not len(with_knowledge) or not len(without):
        raise ValueError("faithfulness needs models with the knowledge and models without it")
    _finite(*with_knowledge, *without)
    sign = 1.0 if better == "higher" else -1.0
    return auc(sign * np.asarray(with_knowledge, dtype=np.float64), sign * np.asarray(without, dtype=np.float64))


def robustness_relearn(
    unlearned_before: float, unlearned_after: float, retrained_before: float, retrained_after: float, *, symmetric: bool
) -> float:
    """How far the unlearned model's gain by relearning is that of the retrained model under the same relearning.

    With D = after - before, one-sided: min(D_retrained / D_unlearned, 1), so only a faster recovery counts; an
    unlearned model that gains nothing has 1, and a retrained one that loses while the unlearned one gains has 0.
    Symmetric: 1 - |D_unlearned - D_retrained| / (|D_unlearned| + |D_retrained|), 1 where neither moves. Range 0 to 1.

    Args:
        unlearned_before: The metric of the unlearned model; higher means more knowledge.
        unlearned_after: The same after relearning.
        retrained_before: The metric of the retrained model.
        retrained_after: The same after the same relearning.
        symmetric: Whether every difference counts, or only recovery.

    Raises:
        ValueError: A value is not a finite number.
    """
    _finite(unlearned_before, unlearned_after, retrained_before, retrained_after)
    unlearned, retrained = unlearned_after - unlearned_before, retrained_after - retrained_before
    if symmetric:
        return _alike(unlearned, retrained)
    return min(max(retrained / unlearned, 0.0), 1.0) if unlearned > 0 else 1.0


def robustness_quantised(before: float, after: float, *, symmetric: bool) -> float:
    """How far the unlearned model's metric is the same after quantisation as it was before.

    One-sided: min(before / after, 1): what falls counts as robust, even where the model was destroyed. Symmetric:
    1 - |after - before| / (after + before), 1 where both are 0. Range 0 to 1.

    Args:
        before: The metric of the unlearned model; not negative, higher means more knowledge.
        after: The same in few bits.
        symmetric: Whether every difference counts, or only recovery.

    Raises:
        ValueError: A value is negative or not a finite number.
    """
    _finite(before, after)
    if before < 0 or after < 0:
        raise ValueError(f"a ratio needs values that are not negative, not {before} and {after}")
    if symmetric:
        return _alike(before, after)
    return min(before / after, 1.0) if after else 1.0


def robustness(relearn: float, quantised: float) -> float:
    """Both robustness forms as one: their harmonic mean, 0 where one of them is 0."""
    return harmonic([relearn, quantised])


def overall(faithfulness: float, robustness: float) -> float:
    """Harmonic mean of faithfulness and robustness, 0 where one of them is 0. Range 0 to 1."""
    return harmonic([faithfulness, robustness])


def _alike(one: float, other: float) -> float:
    """1 where two numbers are equal, 0 where they have opposite signs or one alone is 0."""
    size = abs(one) + abs(other)
    return 1.0 - min(abs(one - other) / size, 1.0) if size else 1.0


def _finite(*values: float) -> None:
    bad = [value for value in values if not math.isfinite(value)]
    if bad:
        raise ValueError(f"{len(bad)} of {len(values)} values are not finite numbers")
