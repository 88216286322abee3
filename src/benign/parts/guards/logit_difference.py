"""Logit difference: the model minus a small assistant that knows what is to be forgotten (ULD, arXiv 2406.08607)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from benign.errors import UserError
from benign.models.change import Delta, LowRank
from benign.parts.guards import Fit, Fitting, Tensors


@dataclass(frozen=True)
class LogitDifference:
    """logits = model - weight * assistant (arXiv 2406.08607, section 3), where the model finds a token likely at all.

    Unlikely tokens keep the model's own logit: there the difference of two tails would decide. The joined distribution
    is the same in scoring and in generation; in the official code it is not, where unlikely tokens are ruled out in the
    one and kept in the other.
    """

    spares: ClassVar[bool] = False
    depth: int = 8
    """Decoder layers of the assistant, the model's first ones (paper: 8 of 32)."""
    weight: float = 0.8
    """How much of the assistant is subtracted (official: 0.8 on TOFU and 0.5 on Harry Potter, written as -0.8 and -0.5
    there because it is added); 0 changes no bit."""
    filter: float = 1e-2
    """Tokens less likely than this share of the likeliest one are left as they are, but at least this share of the
    vocabulary takes part (official scripts: 1e-2); 0 lets all take part."""
    preset: Literal["paper", "code"] = "paper"
    """``paper`` subtracts log-probabilities, so that an assistant that knows nothing changes nothing among the tokens
    that take part, and no token that does not overtakes them. ``code`` subtracts raw logits, as the official model's
    ``forward`` does (UCSB-NLP-Chang/ULD, 858608c)."""

    def __post_init__(self) -> None:
        if not self.weight >= 0:
            fix = "the official code's -0.8 is 0.8 here: the assistant is subtracted"
            raise UserError(f"the assistant's weight must not be negative, got {self.weight}", where="weight", fix=fix)
        if not 0 <= self.filter <= 1:
            what = f"the filter is a share of the likeliest token's probability, 0 to 1, got {self.filter}"
            raise UserError(what, where="filter", fix="for example 0.01, or 0 to let every token take part")

    def fit(self, fitting: Fitting, inputs: Sequence[Any]) -> Fit:
        """The trained assistant, which the recipe names as the one input.

        Raises:
            UserError: It is not a change of weights, or not the only input.
        """
        if len(inputs) != 1 or not isinstance(inputs[0], Delta):
            raise UserError("the guard takes the one assistant that a training stage yields", where="inputs")
        tensors: dict[str, Tensor] = {}
        for name, change in inputs[0].tensors.items():
            if isinstance(change, LowRank):
                tensors |= {f"{name}/a": change.a, f"{name}/b": change.scale * change.b}
            else:
                tensors[f"{name}/whole"] = change
        return Fit(tensors, {"assistant": {"parameters": float(sum(t.numel() for t in tensors.values()))}})

    def assistant(self, tensors: Tensors) -> Delta:
        """The assistant's change of the model's first layers."""
        changes: dict[str, Tensor | LowRank] = {}
        for key, value in tensors.items():
            name, _, part = key.rpartition("/")
            if part == "whole":
                changes[name] = value
            elif part == "a":
                changes[name] = LowRank(value, tensors[f"{name}/b"], 1.0)
        return Delta(changes)

    def joined(self, logits: Tensor, other: Tensor) -> Tensor:
        """[..., V] the difference among the tokens that take part, the model's own logits elsewhere."""
        if not self.weight:
            return logits
        known = logits.log_softmax(-1)
        if self.preset == "paper":
            logits, other = known, other.log_softmax(-1)
        return torch.where(self._likely(known), logits - self.weight * other, logits)

    def _likely(self, logp: Tensor) -> Tensor:
        if not self.filter:
            return torch.ones_like(logp, dtype=torch.bool)
        count = max(1, int(self.filter * logp.shape[-1]))
        least = logp.topk(count, dim=-1).values[..., -1:]
        return logp >= torch.minimum(least, logp.amax(-1, keepdim=True) + math.log(self.filter))
