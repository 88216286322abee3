"""SMFA's anchor mask (arXiv 2511.20196): zero the entries of the forgetting delta that fight the retaining anchor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from benign.errors import UserError
from benign.models.change import Delta, LowRank
from benign.parts.edits import Edited
from benign.parts.edits.shapes import names_of


class Sculpted(NamedTuple):
    """A sculpted weight delta, which entries were zeroed, and the ratio of the two deltas' norms."""

    delta: Tensor
    masked: Tensor
    rho: float


def sculpt(forget: Tensor, anchor: Tensor, k: float, eps: float = 1e-12) -> Sculpted:
    """Zero ``forget`` where it opposes ``anchor`` in sign and outweighs it by more than k times the norm ratio.

    With rho = |forget|_F / (|anchor|_F + eps), an entry is zeroed where ``anchor * forget < 0`` and
    ``k * rho * |anchor| < |forget|`` (both strict). k = 0 leaves no conflicting entry, k = infinity masks nothing.
    The mask is taken per module on the dense delta, and scaling the anchor changes nothing (up to eps).

    Args:
        forget: [out, in] delta of the memory-forgetting adapter.
        anchor: [out, in] delta of the retaining anchor.
        k: Strength; larger k masks fewer entries and forgets more.
        eps: Guard of the division.
    """
    forget32, anchor32 = forget.float(), anchor.float()
    rho = float(forget32.norm() / (anchor32.norm() + eps))
    conflict = (anchor32.sign() * forget32.sign()) < 0
    excess = torch.zeros_like(conflict) if k == float("inf") else k * rho * anchor32.abs() < forget32.abs()
    masked = conflict & excess
    return Sculpted(forget.masked_fill(masked, 0.0), masked, rho)


@dataclass(frozen=True)
class AnchorMask:
    """The edit ``anchor_mask(forgetting delta, anchor delta)``, per linear module.

    At k = infinity the forgetting delta comes back as it is (still low-rank); otherwise each sculpted module is
    of full rank and therefore dense.
    """

    k: float = 5.0
    """Masking strength (official code: 5 on pictures, 10 on text); larger masks less."""
    deltas: ClassVar[int] = 2

    def __call__(self, *deltas: Delta) -> Edited:
        """Sculpt the first delta by the second.

        Raises:
            UserError: The two deltas do not cover the same modules, or k is negative.
        """
        forget, anchor = deltas
        if not self.k >= 0:
            raise UserError(f"k must not be negative, got {self.k}", where="anchor_mask")
        names = names_of(deltas, where="anchor_mask")
        apart = sorted(set(forget.tensors) ^ set(anchor.tensors))
        if apart:
            what = f"the forgetting delta and the anchor cover different modules, such as {apart[0]}"
            raise UserError(what, where="anchor_mask")
        if self.k == float("inf"):
            return Edited(forget, {name: {"masked": 0.0} for name in forget.tensors})
        tensors: dict[str, Tensor | LowRank] = {}
        facts = {}
        for name in names:
            result = sculpt(forget.dense(name), anchor.dense(name), self.k)
            tensors[name] = result.delta
            facts[name] = {"masked": float(result.masked.float().mean()), "rho": result.rho}
        return Edited(Delta(tensors), facts)
