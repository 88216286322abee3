"""RNA's noise inside the reference model: a function of the step's seed, the term and the record alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from benign.engine.draw import Drawn, derived_seed
from benign.engine.recipe import Term
from benign.errors import UserError
from benign.models.load import Model


@dataclass(frozen=True)
class Noise:
    """One step's noise for one term."""

    nu: float
    layer: int | float
    seed: int

    def drawn(self, item: Drawn, tokens: int, hidden: Tensor) -> Tensor:
        """[tokens, H] nu N(0, I) for one record, like ``hidden``, whatever the batch that it lies in."""
        generator = torch.Generator().manual_seed(derived_seed(self.seed, item.key))
        return self.nu * torch.randn(tokens, hidden.shape[-1], generator=generator).to(hidden)


def noise_of(term: Term, seed: int) -> Noise | None:
    """The noise of a term at a step of this seed.

    Raises:
        UserError: It is negative, or neither it nor the objective names a layer.
    """
    if term.noise is None or term.noise.nu == 0:
        return None
    if not term.noise.nu > 0:
        raise UserError(f"the noise must not be negative, got {term.noise.nu}", where=term.name)
    layer = term.noise.layer if term.noise.layer is not None else getattr(term.objective, "layer", None)
    if layer is None:
        raise UserError(
            "the noise needs a decoder layer to lie on", where=term.name, fix="give noise.layer, for example 0.25"
        )
    return Noise(term.noise.nu, layer, derived_seed(seed, term.name))


def refuse_elsewhere(model: Model, term: Term, noise: Noise) -> None:
    """Noise on states that are compared lies on those, and nowhere before them.

    Raises:
        UserError: It is to lie on another layer than the objective's.
    """
    own: int | float = getattr(term.objective, "layer", noise.layer)
    wanted, there = (model.family.layer_number(model.module, layer) for layer in (noise.layer, own))
    if wanted != there:
        what = f"the noise is to lie on layer {wanted}, and the objective compares the states of layer {there}"
        raise UserError(what, where=term.name, fix="leave the noise's layer out")


def on_rows(noise: Noise, items: Sequence[Drawn], hidden: Tensor, rows: Sequence[int]) -> Tensor:
    """[rows, H] hidden states of the answers' tokens with the noise of their records.

    Args:
        noise: The step's noise.
        items: The records.
        hidden: The states, record after record.
        rows: How many of them each record has.
    """
    parts = [noise.drawn(item, count, hidden) for item, count in zip(items, rows, strict=True)]
    return hidden + torch.cat(parts)


@contextmanager
def disturbed(model: Model, noise: Noise, item: Drawn) -> Iterator[None]:
    """Within it a forward pass of this one record goes on from noisy states.

    Raises:
        UserError: The model has no such layer, or processes share its layers.
    """
    if model.shards:
        raise UserError(
            "this objective needs a pass of its own for each record, and processes share the layers", where="noise",
            fix="let every process hold the model (without --use_fsdp)",
        )  # fmt: skip

    def add(_: nn.Module, __: object, output: Any) -> Any:
        states: Tensor = output[0] if isinstance(output, tuple) else output
        changed = states + noise.drawn(item, states.shape[1], states)
        return (changed, *output[1:]) if isinstance(output, tuple) else changed

    number = model.family.layer_number(model.module, noise.layer)
    handle = model.family.layers_of(model.module)[number].register_forward_hook(add)
    try:
        yield
    finally:
        handle.remove()
