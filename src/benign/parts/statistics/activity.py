"""How strongly, how often and how evenly the neurons of feed-forward layers fire (MANU, arXiv 2502.15910)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from benign.errors import UserError
from benign.models.families.family import Family
from benign.models.families.neurons import Reader, readers
from benign.models.measured import Numbers


@dataclass(frozen=True)
class Activity:
    """Statistics of each neuron's activation z over the tokens: ``magnitude`` mean |z|, ``frequency`` the share with
    |z| above the threshold, ``variance`` (population), ``energy`` mean z^2; each [neurons].

    A neuron's activation is what the linear module behind it (``down_proj``, ``fc2``) reads.
    """

    layers: int = 3
    """So many last layers of each stack (official code: 3)."""
    language: bool = True
    """Whether the decoder's neurons are looked at."""
    vision: bool = True
    """Whether the vision tower's are; a text model has none."""
    threshold: float = 0.1
    """|z| above which a neuron counts as firing (official code: 0.1)."""

    def modules(self, module: nn.Module, family: Family) -> Sequence[str]:
        """The consumers of the neurons in the last layers of the decoder and of the tower."""
        stacks: dict[str, list[Reader]] = {}
        for reader in readers(module, family):
            if self.vision if reader.seeing else self.language:
                stacks.setdefault(reader.stack, []).append(reader)
        last = {stack: sorted({one.number for one in there})[-self.layers :] for stack, there in stacks.items()}
        chosen = [one.name for there in stacks.values() for one in there if one.number in last[one.stack]]
        if not chosen:
            raise UserError(
                "no feed-forward neurons were found: no linear module is called down_proj, fc2 or linear_fc2",
                where="statistic",
                fix="experts whose weights are fused cannot be pruned neuron by neuron",
            )
        return chosen

    def part(self, inputs: Tensor) -> Numbers:
        """Sums over tokens."""
        z = inputs.double()
        return {
            "sum": z.sum(0),
            "magnitude": z.abs().sum(0),
            "fired": (z.abs() > self.threshold).double().sum(0),
            "energy": z.square().sum(0),
        }

    def whole(self, summed: Numbers, tokens: int) -> Numbers:
        """Means over tokens."""
        mean = {name: value / tokens for name, value in summed.items()}
        variance = (mean["energy"] - mean["sum"].square()).clamp(min=0)
        return {
            "magnitude": mean["magnitude"],
            "frequency": mean["fired"],
            "variance": variance,
            "energy": mean["energy"],
        }
