"""The locus axis: which parameters may move."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from torch import Tensor, nn

from benign.models.families.family import Family
from benign.parts.loci.importance import Importance
from benign.parts.loci.neuron_paths import NeuronPaths

Side = Literal["forget", "retain"]
Estimate = Importance | NeuronPaths
Measured = Callable[[Estimate, Side], Mapping[str, Tensor]]
"""An importance of every entry of the moving parameters, by name, for what is forgotten or kept; of neuron paths, by
the name of the module that reads the neurons, the share of records on whose path each lies. The engine's."""


@dataclass(frozen=True)
class AdapterShape:
    """The shape of a low-rank adapter."""

    rank: int
    alpha: float
    dropout: float
    rslora: bool = False
    """Whether the scale is alpha / sqrt(rank), not alpha / rank."""
    dora: bool = False
    """Whether each row's length is learned apart from its direction: the change of the weights is of full rank."""

    @property
    def scale(self) -> float:
        """The factor of B A."""
        return self.alpha / (math.sqrt(self.rank) if self.rslora else self.rank)


class Locus(Protocol):
    """Chooses what may move by name; the engine attaches what is needed and freezes the rest.

    ``adapter`` is the adapter's shape, or None where the weights themselves move.
    """

    @property
    def adapter(self) -> AdapterShape | None:
        """The adapter to put on each chosen module, if any."""
        ...

    def names(self, module: nn.Module, family: Family) -> list[str]:
        """The linear modules that get the adapter, or, without one, the parameters that move.

        Raises:
            UserError: Nothing is chosen, or not all that was asked for.
        """
        ...

    def masks(self, module: nn.Module, family: Family, measured: Measured) -> Mapping[str, Tensor]:
        """By parameter name a boolean tensor of its shape, true where an entry may move; one without moves whole."""
        ...
