"""The locus axis: which parameters may move."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from torch import Tensor, nn

from benign.models.change import LowRank
from benign.models.families.family import Family
from benign.parts.loci.expert_use import ExpertUse
from benign.parts.loci.factors import FactorImportance
from benign.parts.loci.importance import Importance
from benign.parts.loci.neuron_paths import NeuronPaths

Side = Literal["forget", "retain"]
Estimate = Importance | FactorImportance | NeuronPaths | ExpertUse
Measured = Callable[[Estimate, Side], Mapping[str, Tensor]]
"""An importance of every entry of the moving parameters, by name, for what is forgotten or kept; of the factors of a
random adapter on them, by the weight's and the factor's name; of neuron paths, by the name of the module that reads the
neurons, the share of records on whose path each lies; of experts, by the router's name how much each is used. The
engine's."""


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


@runtime_checkable
class StartedLocus(Locus, Protocol):
    """A locus whose adapter does not start at zero: a part of each weight is taken out of it and put into the adapter,
    so that the model says what it said. The engine sees to both."""

    def start(self, weights: Mapping[str, Tensor], measured: Measured) -> Mapping[str, LowRank]:
        """What the adapter begins as.

        Args:
            weights: By name the weights of the chosen modules, [out, in].
            measured: What tells which of their entries matter.

        Raises:
            UserError: There is nothing to begin with.
        """
        ...


@runtime_checkable
class ExpertLocus(Locus, Protocol):
    """A locus that moves chosen experts of a mixture, which objectives may anchor their routers to. Of its parameters,
    those of which nothing may move are neither trained nor part of the delta."""

    def chosen(self, module: nn.Module, family: Family, measured: Measured) -> Mapping[str, tuple[int, ...]]:
        """By the router's name, the numbers of the chosen experts.

        Raises:
            UserError: There is none to choose.
        """
        ...
