"""Weights between the unlearned and the original model: how short is the way back for whoever has both?

It needs the original, which shows what the way back looks like and not that an outsider can take it. Source: linear
interpolation of weights after Frankle et al. 2020 (arXiv 1912.05671) and task arithmetic (arXiv 2212.04089).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from benign.audit.attacks import Cost, Found, Ground
from benign.audit.attacks.memory import MOST, remembered
from benign.audit.attacks.tampered import Tampered
from benign.engine.serve import Served, System
from benign.errors import NotMeasured
from benign.models.change import Delta, LowRank, parameters


@dataclass(frozen=True)
class Interpolate:
    """Go part of the way back to the original's weights, which the attacker must have; ask the forgotten questions."""

    cost: ClassVar[Cost] = "fast"
    alpha: float = 0.5
    """How far back: 0 is the system itself, 1 the original."""
    most: int | None = MOST
    """Questions asked at most."""

    def __call__(self, ground: Ground) -> Found:
        """Memory of the system between."""
        system = between(ground.served, ground.original, self.alpha)
        return Found(system) if isinstance(system, NotMeasured) else remembered(ground, system, self.most)


def between(served: Served, original: Served, alpha: float) -> System | NotMeasured:
    """The system with weights (1 - alpha) * its own + alpha * the original's; at both ends bit for bit these."""
    if served.model is original.model:
        deltas = (*_scaled(served, 1 - alpha), *_scaled(original, alpha))
        return Served(served.model, deltas, served.batch)
    own, target = parameters(served.model.module), parameters(original.model.module)
    if {name: weight.shape for name, weight in own.items()} != {name: w.shape for name, w in target.items()}:
        return NotMeasured("the original model has other weights: there is nothing between")

    def mixed(name: str, weight: Tensor) -> Tensor:
        other = target[name].detach().to(weight.device).float()
        return ((1 - alpha) * weight.float() + alpha * other).to(weight.dtype)

    return Tampered(served, mixed, f"between {alpha}", beside=original, everywhere=True)


def _scaled(served: Served, factor: float) -> tuple[Delta, ...]:
    # What is scaled to nothing is left out, so that nothing is added to the weights: not even a zero of a broken delta.
    return tuple(_times(delta, factor) for delta in served.deltas) if factor else ()


def _times(delta: Delta, factor: float) -> Delta:
    return Delta(
        {
            name: LowRank(change.a, change.b, factor * change.scale) if isinstance(change, LowRank) else factor * change
            for name, change in delta.tensors.items()
        }
    )
