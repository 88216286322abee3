"""How much of what a layer knows is gone, beside a model that never knew it: pure functions of log-probabilities.

Source: the layer erasure ratio and its aggregate of arXiv 2605.24614 (gnueaj/unlearning-depth-score, fc31639).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benign.audit.diagnostics import Curve
from benign.audit.metrics.bootstrap import Floats

THRESHOLD = 0.05
"""Nats per token that a layer must be worth before it is said to encode a fact (the paper's and the code's)."""


@dataclass(frozen=True)
class Erased:
    """Of each record and of each layer, how much is gone."""

    records: tuple[float | None, ...]
    """Per record, 0 (all there) to 1 (as if never learned); None where no layer encodes it."""
    layers: Curve
    """Per layer, the mean over the records that it encodes; None where it encodes none."""
    encoding: Curve
    """Per layer, the share of records that it encodes."""


def erased(never: Floats, unlearned: Floats, threshold: float = THRESHOLD) -> Erased:
    """Compare two losses of log-probability against the original model, record by record and layer by layer.

    A layer encodes a record where the model that never saw it loses more than ``threshold`` there. Of those layers,
    the unlearned model's share of that loss, clipped to 0 and 1, is averaged with the loss as weight.

    Args:
        never: [records, layers] original minus retrained, nats per telling token.
        unlearned: [records, layers] original minus unlearned.
        threshold: In nats.
    """
    encodes = never > threshold
    ratio = np.clip(np.divide(unlearned, never, out=np.zeros_like(never), where=encodes), 0.0, 1.0)
    weight = np.where(encodes, never, 0.0)
    total, count = weight.sum(axis=1), encodes.sum(axis=0)
    gone = (weight * ratio).sum(axis=1)
    summed = np.where(encodes, ratio, 0.0).sum(axis=0)
    return Erased(
        tuple(float(g / t) if t > 0 else None for g, t in zip(gone, total, strict=True)),
        tuple(float(s / c) if c else None for s, c in zip(summed, count, strict=True)),
        tuple(float(share) for share in encodes.mean(axis=0)),
    )
