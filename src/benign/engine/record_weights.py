"""An objective on records that do not all count alike."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from benign.data.answers import Answers
from benign.parts.objectives import Objective


def weighed_loss(objective: Objective, rows: Answers, weights: Sequence[float]) -> Tensor:
    """The objective, with each record's part of what it averages over taken as often as its weight says."""
    if all(weight == 1 for weight in weights):
        return objective(rows)
    if objective.mean_over == "rows":
        shares = (rows.rows_per_record / rows.rows_per_record.sum()).tolist()
    else:
        shares = [1 / rows.count] * rows.count
    parts = zip(weights, shares, rows.each(), strict=True)
    return torch.stack([weight * share * objective(part) for weight, share, part in parts]).sum()
