"""Steering: states move along an erasure direction as far as the question is a forgotten one (MLLMEraser, arXiv
2510.04217)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from benign.errors import UserError
from benign.parts.guards import Fit, Fitting, Layer, Tensors

_LEAST = 0.01
"""Of the direction, where all of it is wanted: with less at every layer the guard would be there in name only."""


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
    strength: float | tuple[float, ...] = 1.0
    """How far, after all layers or after each (the official code has one for each); 0 changes no bit of a pass."""
    retained: Literal["retain", "keep"] = "retain"
    """Whose states are not to move."""
    null_share: float = 0.0
    """The share of directions that counts as the null space of the retained states, those where they are least; 0 takes
    all in which they are nothing, but at least a tenth (AlphaSteer: 0.3 to 0.6 by the layer)."""
    ridge: float = 10.0
    """The penalty (AlphaSteer's code: 10)."""
    lift: int = 0
    """How many random features take the place of a state where it is read; 0 is the state itself, as published. A null
    space is what is left of the width by the retained records: a model narrower than they are many has none, and more
    features than they are many have one again."""
    recall: Literal["as_is", "urged"] = "as_is"
    """The states that d points away from: those of the forgotten questions as they are, or urged to give the answer."""
    refusal: str = "I do not know."
    """What the model is urged to say."""
    budget: float = 0.5
    """How far an entry may be moved to urge it, in standard deviations of what enters the decoder."""
    steps: int = 20
    """Steps of the sign of the gradient."""

    def __post_init__(self) -> None:
        if not self.layers or len(set(self.layers)) < len(self.layers):
            raise UserError(f"layers that differ are needed, got {self.layers}", where="layers")
        if isinstance(self.strength, tuple) and len(self.strength) != len(self.layers):
            what = f"{len(self.strength)} strengths for {len(self.layers)} layers"
            raise UserError(what, where="strength", fix="give one number, or one for each layer")
        if not 0 <= self.null_share < 1 or self.lift < 0:
            what = f"no null space of a share of {self.null_share} and {self.lift} features"
            raise UserError(what, where="null_share", fix="give a share from 0 to below 1, and no features below 0")
        if not self.ridge > 0:
            raise UserError(f"the penalty must be above 0, got {self.ridge}", where="ridge", fix="for example 1e-6")
        if not self.budget > 0 or self.steps < 1:
            what = "nothing is urged without a budget and steps, and then there is no direction"
            raise UserError(what, where="budget", fix="for example budget=0.5 and steps=20")

    def fit(self, fitting: Fitting, inputs: Sequence[Any]) -> Fit:
        """For each layer the direction d, and u, which says how much of it a state gets.

        Raises:
            UserError: Forgotten questions would get next to nothing of it, or the features leave no null space.
        """
        forget, kept = fitting.records("forget"), fitting.records(self.retained, ("memory", "understanding", "general"))
        forgotten, retained = fitting.states(forget, self.layers), fitting.states(kept, self.layers)
        answers = [self.refusal] * len(forget)
        erased = fitting.urged(forget, answers, self.layers, self.budget, self.steps)
        recalled = forgotten
        if self.recall == "urged":
            golds = [record.gold for record in forget]
            recalled = fitting.urged(forget, golds, self.layers, self.budget, self.steps)
        tensors = random_features(self.lift, forgotten.shape[-1], fitting.seed) if self.lift else {}
        facts: dict[str, dict[str, float]] = {}
        for place, layer in enumerate(self.layers):
            near, far = forgotten[:, place], retained[:, place]
            direction = (erased - recalled)[:, place].double().mean(0).float()
            tensors[f"{layer}/direction"] = direction
            if self.lift:
                tensors |= {f"{layer}/centre": far.mean(0), f"{layer}/scale": far.std(0).clamp(min=1e-6)}
            seen = [self._read(tensors, layer, states).double() for states in (near, far)]
            tensors[f"{layer}/reader"] = self._reader(*seen).float()
            open_, shut = (self._gate(tensors, layer, states) for states in (near, far))
            facts[f"layer {layer}"] = {
                "forgotten": float(open_.mean()),
                "retained": float(shut.abs().max()),
                "direction": float(direction.norm()),
            }
        _refuse_shut(max(one["forgotten"] for one in facts.values()))
        return Fit(tensors, facts)

    def shift(self, tensors: Tensors, layer: Layer, last: Tensor) -> Tensor:
        """[records, H] how each question's states move."""
        strength = self.strength[self.layers.index(layer)] if isinstance(self.strength, tuple) else self.strength
        return strength * self._gate(tensors, layer, last)[:, None] * tensors[f"{layer}/direction"].to(last)

    def _gate(self, tensors: Tensors, layer: Layer, last: Tensor) -> Tensor:
        """[records] 1 for a forgotten question and 0 for a retained one."""
        # Sums over thousands of features that cancel each other: float32 would leave a millionth of each.
        found = self._read(tensors, layer, last).double() @ tensors[f"{layer}/reader"].to(last.device).double()
        return found.to(last)

    def _read(self, tensors: Tensors, layer: Layer, last: Tensor) -> Tensor:
        """[records, H or lift] what the reader reads of a state."""
        if not self.lift:
            return last
        centre, scale, matrix = (tensors[n].to(last).double() for n in (f"{layer}/centre", f"{layer}/scale", "lift"))
        return torch.relu(((last.double() - centre) / scale) @ matrix)

    def _reader(self, near: Tensor, far: Tensor) -> Tensor:
        if not self.lift:
            return gate(near, null_space(far, self.null_share), self.ridge)
        if len(far) >= self.lift:
            what = f"{self.lift} features for {len(far)} retained records leave no null space"
            raise UserError(what, where="lift", fix=f"for example --set lift={2 * len(far)}")
        return lifted_gate(near, far, self.ridge)


def _refuse_shut(most: float) -> None:
    if most < _LEAST:
        what = f"no forgotten question would be moved: where all of the direction is wanted, they get {most:.2g} of it"
        raise UserError(what, where="ridge", fix="lower it, or choose other layers")


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


def lifted_gate(near: Tensor, far: Tensor, ridge: float) -> Tensor:
    """The same u where there are more features than states, by inner products of states: X^T (X X^T + ridge I)^-1 1
    with X what is left of the forgotten states outside of the span of the retained ones."""
    inner = far @ far.T
    inner.diagonal().add_(1e-12 * float(inner.diagonal().mean()))
    left = near - torch.linalg.solve(inner, far @ near.T).T @ far
    weights = torch.linalg.solve(
        left @ left.T + ridge * torch.eye(len(left), dtype=left.dtype), torch.ones(len(left)).to(left)
    )
    reader: Tensor = left.T @ weights
    return reader


def random_features(count: int, width: int, seed: int) -> dict[str, Tensor]:
    """[H, count] the directions of random rectified features (Rahimi and Recht 2007), a function of the seed."""
    generator = torch.Generator().manual_seed(seed)
    return {"lift": torch.randn(width, count, generator=generator) / (width * count) ** 0.5}
