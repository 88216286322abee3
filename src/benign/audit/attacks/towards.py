"""Systems between the unlearned and the original model, for attacks that have both."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from benign.audit.attacks.tampered import Tampered
from benign.engine.serve import Served, System
from benign.errors import NotMeasured
from benign.models.change import Delta, LowRank, parameters
from benign.models.shard import whole

Share = Callable[[str], float]
"""A parameter's name -> how much of it is the original's: 0 is the system's own, 1 the original's."""


def towards(served: Served, original: Served, share: Share, identity: str) -> System | NotMeasured:
    """The system with weights (1 - share) * its own + share * the original's, exact where the share is 0 or 1.

    Args:
        served: The system under attack.
        original: The model before unlearning.
        share: How much of each parameter is the original's.
        identity: All that ``share`` depends on.
    """
    if served.model is original.model:
        own = tuple(_scaled(delta, lambda name: 1 - share(name)) for delta in served.deltas)
        deltas = (*own, *(_scaled(delta, share) for delta in original.deltas))
        return Served(served.model, tuple(delta for delta in deltas if delta.tensors), served.batch)
    weights, target = parameters(served.model.module), parameters(original.model.module)
    if {name: weight.shape for name, weight in weights.items()} != {name: w.shape for name, w in target.items()}:
        return NotMeasured("the original model has other weights: there is nothing between")

    def mixed(name: str, weight: Tensor) -> Tensor:
        other, part = whole(target[name].detach()).to(weight), share(name)
        if part in (0.0, 1.0):
            return other if part else weight
        return ((1 - part) * weight.float() + part * other.float()).to(weight.dtype)

    return Tampered(served, mixed, identity, beside=original, weights=lambda model: parameters(model.module))


def _scaled(delta: Delta, factor: Share) -> Delta:
    # What is scaled to nothing is left out, so that nothing is added to the weights: not even a zero of a broken delta.
    kept = {name: change for name, change in delta.tensors.items() if factor(name)}
    return Delta({name: _times(change, factor(name)) for name, change in kept.items()}, delta.tokens)


def _times(change: Tensor | LowRank, factor: float) -> Tensor | LowRank:
    return LowRank(change.a, change.b, factor * change.scale) if isinstance(change, LowRank) else factor * change
