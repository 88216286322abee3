"""The weights of linear modules move in full: what Kronecker-factored curvature (arXiv 1503.05671) is known of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from benign.models.families.family import Family, linear_modules
from benign.parts.loci import AdapterShape, Measured


@dataclass(frozen=True)
class LinearWeights:
    """The weights of the language model's linear modules, without their biases: where LoRA would put adapters."""

    over: str = ""
    """Regular expression on module names; empty means every linear module of the language model."""

    @property
    def adapter(self) -> AdapterShape | None:
        """None: the weights themselves move."""
        return None

    def names(self, module: nn.Module, family: Family) -> list[str]:
        """The weights of the modules that the expression full-matches.

        Raises:
            UserError: Nothing matches (the nearest names are listed).
        """
        return [f"{name}.weight" for name in linear_modules(module, self.over or family.language)]

    def masks(self, module: nn.Module, family: Family, measured: Measured) -> Mapping[str, Tensor]:
        """None: every parameter moves whole."""
        return {}
