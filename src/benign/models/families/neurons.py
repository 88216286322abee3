"""Where the neurons of feed-forward layers are: the linear modules that read them and the ones that make them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from torch import nn

from benign.models.families.family import Family

_READER = re.compile(r"(?P<stack>.+)\.(?P<number>\d+)\.(?:.+\.)?(?:down_proj|fc2|linear_fc2)")
"""The linear module that reads a feed-forward layer's neurons, in a numbered layer of some stack."""
_MAKER = re.compile(r"up_proj|gate_proj|fc1|linear_fc1")


@dataclass(frozen=True)
class Reader:
    """The linear module that reads the neurons of one layer: its inputs are their activations."""

    name: str
    stack: str
    """Dotted path of the list of layers."""
    number: int
    """The layer's number in it."""
    seeing: bool
    """Whether it belongs to the vision tower."""


def readers(module: nn.Module, family: Family) -> list[Reader]:
    """The readers of the decoder and of the vision tower, in the model's order; several in a layer with experts."""
    tower = re.compile(family.vision) if family.vision else None
    chosen = []
    for name, part in module.named_modules():
        found = _READER.fullmatch(name)
        if found and isinstance(part, nn.Linear):
            seeing = bool(tower and tower.match(f"{name}."))
            if seeing or found["stack"] == family.layers:
                chosen.append(Reader(name, found["stack"], int(found["number"]), seeing))
    return chosen


def makers(module: nn.Module, reader: str) -> list[str]:
    """The linear modules beside a reader that make its neurons: one row of each makes one neuron."""
    beside = reader.rpartition(".")[0]
    return [
        f"{beside}.{name}"
        for name, part in module.get_submodule(beside).named_children()
        if isinstance(part, nn.Linear) and _MAKER.fullmatch(name)
    ]
