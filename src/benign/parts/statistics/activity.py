"""How strongly, how often and how evenly the neurons of feed-forward layers fire (MANU, arXiv 2502.15910)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from benign.errors import UserError
from benign.models.families.family import Family
from benign.models.measured import Numbers

_CONSUMER = re.compile(r"(?P<stack>.+)\.(?P<number>\d+)\.(?:.+\.)?(?:down_proj|fc2|linear_fc2)")
"""The linear module that reads a feed-forward layer's neurons, in a numbered layer of some stack."""


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
        tower = re.compile(family.vision) if family.vision else None
        stacks: dict[str, list[tuple[int, str]]] = {}
        for name, part in module.named_modules():
            found = _CONSUMER.fullmatch(name)
            if found and isinstance(part, nn.Linear):
                seeing = bool(tower and tower.match(f"{name}."))
                if self.vision if seeing else self.language and found["stack"] == family.layers:
                    stacks.setdefault(found["stack"], []).append((int(found["number"]), name))
        last = {stack: sorted({number for number, _ in there})[-self.layers :] for stack, there in stacks.items()}
        chosen = [name for stack, there in stacks.items() for number, name in there if number in last[stack]]
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
