"""A low-rank adapter on the language model's linear modules (Hu et al. 2021, arXiv 2106.09685)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from benign.errors import UserError
from benign.models.families.family import Family, linear_modules
from benign.parts.loci import AdapterShape, Measured
from benign.parts.loci.decoder import layer_numbers, within_layers


@dataclass(frozen=True)
class Lora:
    """W + (alpha/rank) B A on each chosen module; B starts at zero, so training starts at the original model."""

    rank: int = 16
    """Rank of the update; servers refuse more than 64."""
    alpha: float = 16.0
    """Numerator of the scale alpha / rank."""
    dropout: float = 0.05
    """Dropout on the adapter's input."""
    modules: str = ""
    """Regular expression on module names; empty means every linear module of the language model."""
    within: tuple[int, ...] = ()
    """Decoder layers to stay within, negative ones from the end; empty means all."""
    rslora: bool = False
    """Scale alpha / sqrt(rank), which keeps large ranks learning (Kalajdzievski 2023, arXiv 2312.03732)."""
    dora: bool = False
    """Each row's length moves apart from its direction: m (W + s B A) / |W + s B A| by rows (Liu et al. 2024, arXiv
    2402.09353). The delta is then dense, and no server loads it as an adapter."""

    @property
    def shape(self) -> AdapterShape:
        """The adapter's shape."""
        return AdapterShape(self.rank, self.alpha, self.dropout, self.rslora, self.dora)

    @property
    def adapter(self) -> AdapterShape | None:
        """The adapter's shape."""
        return self.shape

    def names(self, module: nn.Module, family: Family) -> list[str]:
        """The linear modules that the expression full-matches, else all of the language model.

        Raises:
            UserError: Nothing matches (the nearest names are listed), or nothing lies in the given layers.
        """
        names = linear_modules(module, self.modules or family.language)
        if not self.within:
            return names
        found = within_layers(names, layer_numbers(self.within, module, family), family)
        if not found:
            raise UserError(
                f"no module lies in layers {self.within}", where="locus", fix=f"there are modules such as {names[0]}"
            )
        return found

    def masks(self, module: nn.Module, family: Family, measured: Measured) -> Mapping[str, Tensor]:
        """None: the adapter moves whole."""
        return {}
