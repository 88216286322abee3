"""Linear CKA: how alike are two models' states of the same tokens, layer by layer?

Sources: Kornblith et al. 2019 (arXiv 1905.00414, equation 4 with linear kernels); as a measure of erasure, arXiv
2605.24614 and its code gnueaj/unlearning-depth-score (fc31639, scripts/compute_representation_baselines.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benign.audit.diagnostics import Curve, Diagnosis
from benign.audit.diagnostics.depth import unfit
from benign.audit.diagnostics.telling import Told, cluster
from benign.audit.metrics.bootstrap import Floats
from benign.audit.score import Score
from benign.data.record import Data
from benign.engine.serve import Served
from benign.engine.train import Report
from benign.errors import NotMeasured

BLOCKS = 20
"""The interval leaves out one block of subjects at a time; a model of many layers takes as many times longer."""
_LEAST_GAP = 1e-8  # of 1 - CKA(original, retrained), below which a layer has nothing to lose; the official code's
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Cka:
    """How far the unlearned model's states have moved from the original's towards the retrained model's.

    Per layer (CKA(unlearned, retrained) - CKA(original, retrained)) / (1 - CKA(original, retrained)), clipped to 0 and
    1; the mean over layers is weighted with 1 - CKA(original, retrained). Range 0 (as the original) to 1 (as the
    retrained one), higher is better. The interval is a jackknife over subjects: a bootstrap repeats tokens, and
    repeated tokens make any two models look alike.

    The paper found it a poor judge (faithfulness 0.648): two trainings differ in much that is no memory.
    """

    most: int | None = 400
    """At most so many records; None takes all."""

    def __call__(
        self, unlearned: Served, original: Served, retrained: Served | None, records: Data, report: Report
    ) -> Diagnosis:
        """Compare; without a retrained model there is one curve and no score."""
        told = Told.of(original, records.forget, self.most)
        reason = unfit(told, (unlearned, *([retrained] if retrained else [])), original)
        if reason is not None:
            return Diagnosis(reason)
        systems = [original, unlearned, *([retrained] if retrained else [])]
        states = [told.states(served) for served in systems]
        blocks = blocked([cluster(told.records[i]) for i in told.owner.tolist()])
        rows = []
        for layer in range(len(states[0])):
            rows.append(alike([kernel(s[layer].double().numpy()) for s in states], blocks))
            report("compare layers", layer + 1, len(states[0]))
        found = np.stack(rows)  # [layers, pairs, 1 + blocks]
        curves = {"to_original": _curve(found[:, 0, 0])}
        if retrained is None:
            return Diagnosis(NotMeasured("no retrained model given"), curves)
        before, after = found[:, 1], found[:, 2]
        curves |= {"original_to_retrained": _curve(before[:, 0]), "to_retrained": _curve(after[:, 0])}
        curves["erased"] = _curve(erasure(before[:, 0], after[:, 0]))
        return Diagnosis(_score(before, after, len(told.records)), curves)


def kernel(states: Floats) -> Floats:
    """[rows, rows] the inner products of [rows, H] states."""
    found: Floats = states @ states.T
    return found


def linear_cka(one: Floats, other: Floats) -> float:
    """CKA of two linear kernels [rows, rows] of the same rows: 1 for states that are alike up to rotation and scale,
    not a number where one model's states are all the same."""
    a, b = _centred(one), _centred(other)
    sizes = [float(np.linalg.norm(k)) for k in (a, b, one, other)]
    # What centring leaves of rows that are the same is rounding.
    if min(sizes[0] - _ROUNDING * sizes[2], sizes[1] - _ROUNDING * sizes[3]) <= 0:
        return math.nan
    return float((a * b).sum()) / (sizes[0] * sizes[1])


def alike(kernels: Sequence[Floats], blocks: Sequence[Floats]) -> Floats:
    """[pairs, 1 + blocks] CKA of (second, first), (first, third) and (second, third) kernel, on all rows and on those
    that each block's mask keeps."""
    pairs = [(1, 0), (0, 2), (1, 2)][: 1 if len(kernels) == 2 else 3]
    parts = [np.arange(len(kernels[0])), *(np.flatnonzero(block) for block in blocks)]
    cuts = [np.ix_(part, part) for part in parts]
    return np.array([[linear_cka(kernels[a][cut], kernels[b][cut]) for cut in cuts] for a, b in pairs])


def blocked(clusters: Sequence[str], most: int = BLOCKS) -> list[Floats]:
    """For each of at most so many blocks of subjects, which rows remain without it; single rows where there is one
    subject alone."""
    names = sorted(set(clusters))
    if len(names) == 1:
        clusters = [str(i) for i in range(len(clusters))]
        names = list(clusters)
    number = {name: i % min(most, len(names)) for i, name in enumerate(names)}
    block = np.array([number[name] for name in clusters])
    return [block != b for b in range(min(most, len(names)))]


def erasure(before: Floats, after: Floats) -> Floats:
    """[layers] the way gone from the original (0) to the retrained model (1); not a number where there is no way.

    Args:
        before: [layers] CKA(original, retrained).
        after: [layers] CKA(unlearned, retrained).
    """
    gap = 1.0 - before
    found = np.full_like(before, np.nan)
    np.divide(after - before, gap, out=found, where=gap > _LEAST_GAP)
    return np.clip(found, 0.0, 1.0)


def weighted(before: Floats, after: Floats) -> float:
    """The mean erasure over layers, each weighted with what there was to lose; not a number where there was nothing."""
    gap = np.where(1.0 - before > _LEAST_GAP, 1.0 - before, 0.0)
    kept = gap > 0
    return float((gap[kept] * erasure(before, after)[kept]).sum() / gap[kept].sum()) if kept.any() else math.nan


def _score(before: Floats, after: Floats, n: int) -> Score | NotMeasured:
    if not np.isfinite(before).all() or not np.isfinite(after).all():
        return NotMeasured("a layer's states are all alike or no numbers")
    value, *left_out = (weighted(b, a) for b, a in zip(before.T, after.T, strict=True))
    if not np.isfinite([value, *left_out]).all():
        return NotMeasured("the original's states are the retrained model's")
    # Efron and Tibshirani, An Introduction to the Bootstrap (1993), equation 11.5.
    blocks = len(left_out)
    error = math.sqrt((blocks - 1) / blocks * float(((np.array(left_out) - np.mean(left_out)) ** 2).sum()))
    return Score(value, max(0.0, value - 1.96 * error), min(1.0, value + 1.96 * error), n)


def _centred(kernel: Floats) -> Floats:
    rows = kernel.mean(axis=0, keepdims=True)
    found: Floats = kernel - rows - rows.T + kernel.mean()
    return found


def _curve(values: Floats) -> Curve:
    return tuple(float(v) if math.isfinite(v) else None for v in values)
