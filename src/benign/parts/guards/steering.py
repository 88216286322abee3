"""Steering: states move along an erasure direction as far as the question is a forgotten one (MLLMEraser, arXiv
2510.04217)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from benign.parts.guards import Fit, Fitting, Layer, Tensors


@dataclass(frozen=True)
class Steering:
    """h <- h + strength * (h_last W) on every token of the question, with W = P (X^T X + ridge P)^+ X^T D (arXiv
    2510.04217 by way of a copy of its code; the form is AlphaSteer's, arXiv 2506.07022).

    X = H_f P are the forgotten questions' states projected on the null space of the retained ones, and every row of D
    is the erasure direction d. So W is of rank one: with u = P (X^T X + ridge P)^+ X^T 1, h W = (h . u) d, where h . u
    is 1 for a forgotten question and 0 for a retained one.

    Reconstructed: the paper's body could not be read. Open choices are fields: where d comes from (``urged``: pictures,
    or words where there are none, moved by gradient signs until the model refuses), its budget, the layers, the
    strength, the penalty and the size of the null space. The official code collects the states of a layer's input and
    moves its output; here both are its output.
    """

    spares: ClassVar[bool] = False
    layers: tuple[Layer, ...] = (0.3, 0.4, 0.5)
    """The decoder layers after which states are moved."""
    strength: float = 1.0
    """How far; 0 changes no bit."""
    retained: Literal["retain", "keep"] = "retain"
    """Whose states are not to move."""
    null_share: float = 0.0
    """The share of directions that counts as the null space of the retained states, those where they are least; 0 takes
    all in which they are nothing, but at least a tenth (AlphaSteer: 0.3 to 0.6 by the layer)."""
    ridge: float = 10.0
    """The penalty (AlphaSteer's code: 10)."""
    recall: Literal["as_is", "urged"] = "as_is"
    """The states that d points away from: those of the forgotten questions as they are, or urged to give the answer."""
    refusal: str = "I do not know."
    """What the model is urged to say."""
    budget: float = 0.5
    """How far an entry may be moved to urge it, in standard deviations of what enters the decoder."""
    steps: int = 20
    """Steps of the sign of the gradient."""

    def fit(self, fitting: Fitting, inputs: Sequence[Any]) -> Fit:
        """For each layer the direction d, and u, which says how much of it a state gets."""
        forget, kept = fitting.records("forget"), fitting.records(self.retained, ("memory", "understanding", "general"))
        forgotten, retained = fitting.states(forget, self.layers), fitting.states(kept, self.layers)
        answers = [self.refusal] * len(forget)
        erased = fitting.urged(forget, answers, self.layers, self.budget, self.steps)
        recalled = forgotten
        if self.recall == "urged":
            golds = [record.gold for record in forget]
            recalled = fitting.urged(forget, golds, self.layers, self.budget, self.steps)
        tensors: dict[str, Tensor] = {}
        facts: dict[str, dict[str, float]] = {}
        for place, layer in enumerate(self.layers):
            near, far = forgotten[:, place].double(), retained[:, place].double()
            direction = (erased - recalled)[:, place].double().mean(0)
            basis = null_space(far, self.null_share)
            reader = gate(near, basis, self.ridge)
            tensors |= {f"{layer}/direction": direction.float(), f"{layer}/reader": reader.float()}
            facts[f"layer {layer}"] = {
                "null_space": float(basis.shape[1]),
                "forgotten": float((near @ reader).mean()),
                "retained": float((far @ reader).abs().max()),
                "direction": float(direction.norm()),
            }
        return Fit(tensors, facts)

    def shift(self, tensors: Tensors, layer: Layer, last: Tensor) -> Tensor:
        """[records, H] how each question's states move."""
        reader, direction = (tensors[f"{layer}/{name}"].to(last) for name in ("reader", "direction"))
        return self.strength * (last @ reader)[:, None] * direction


def null_space(states: Tensor, share: float, least: float = 0.1) -> Tensor:
    """[H, q] an orthonormal basis of the directions in which the [n, H] states vary least.

    Args:
        states: The states.
        share: Which share of all directions; 0 takes those of no singular value above rounding.
        least: At least this share where ``share`` is 0.
    """
    width = states.shape[1]
    _, sizes, directions = torch.linalg.svd(states, full_matrices=True)
    tolerance = sizes.max() * torch.finfo(states.dtype).eps * max(states.shape)
    free = width - int((sizes > tolerance).sum())
    count = int(share * width) if share else max(free, int(least * width))
    basis: Tensor = directions[width - max(1, count) :].T
    return basis


def gate(states: Tensor, basis: Tensor, ridge: float) -> Tensor:
    """[H] u = Q (X^T X + ridge I)^-1 X^T 1 with X = states Q: the reader that is 1 on the states as nearly as the
    penalty lets it, and 0 outside of the basis Q."""
    inside = states @ basis
    square = inside.T @ inside + ridge * torch.eye(basis.shape[1], dtype=states.dtype)
    reader: Tensor = basis @ torch.linalg.solve(square, inside.sum(0))
    return reader
