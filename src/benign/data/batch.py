"""What one forward pass takes: the model's inputs and the labels of the answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Batch:
    """Records of one forward pass, padded to one length."""

    inputs: Mapping[str, Tensor]
    """What the forward takes: ``input_ids`` and ``attention_mask`` [B, T], picture tensors; no labels."""
    labels: Tensor
    """[B, T], the token ids of the answers at their own (unshifted) places and -100 elsewhere."""
    ids: tuple[str, ...]
    """The records' ids, one per row."""

    @property
    def count(self) -> int:
        """How many records the batch holds."""
        return len(self.ids)

    def to(self, device: torch.device | str) -> Batch:
        """The batch on another device."""
        return Batch({k: v.to(device) for k, v in self.inputs.items()}, self.labels.to(device), self.ids)
