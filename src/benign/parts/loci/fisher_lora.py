"""FILA (Cha et al. 2024, arXiv 2408.06621): LoRA that starts as the part of each weight that the forget set needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from benign.models.change import LowRank
from benign.models.families.family import Family
from benign.parts.loci import AdapterShape, Measured
from benign.parts.loci.importance import Importance
from benign.parts.loci.lora import Lora
from benign.parts.loci.split import beginnings, refuse_dora, row_weights


@dataclass(frozen=True)
class FisherLora:
    """W = (W - s B0 A0) + s B A with B A = B0 A0 at first: the low-rank part that is closest to W where the Fisher
    information of the forget set is large beside the retain set's.

    The model says what it said before the first step. The engine keeps W as it is and lets s (B A - B0 A0) be added,
    which is the same; the saved adapter is of twice the rank and needs no rewritten base.
    """

    lora: Lora = Lora(rank=32, alpha=64.0, dropout=0.0)
    """The adapter: on every linear module, alpha twice the rank (paper: ranks 4 to 32)."""
    importance: Importance = Importance()
    """The estimate, of every entry of the weights (paper: Fisher)."""
    damping: float = 1e-3
    """Added to the retain importance, in units of its mean, against small denominators (paper: 0)."""
    floor: float = 0.0
    """Added to the retain importance as it is, and to the rows' weights where B is divided by them (official code: 1e-5
    for both, more than most squared gradients are)."""
    exact: bool = True
    """Whether the singular vectors are computed to the end, or by a randomised method (official code)."""

    @property
    def adapter(self) -> AdapterShape | None:
        """The adapter's shape, without the part that is taken out."""
        return self.lora.adapter

    def names(self, module: nn.Module, family: Family) -> list[str]:
        """The linear modules that get the adapter.

        Raises:
            UserError: Nothing matches, or the rows' lengths are to be learned apart (DoRA).
        """
        refuse_dora(self.lora.shape)
        return self.lora.names(module, family)

    def masks(self, module: nn.Module, family: Family, measured: Measured) -> Mapping[str, Tensor]:
        """None: the adapter moves whole."""
        return {}

    def start(self, weights: Mapping[str, Tensor], measured: Measured) -> Mapping[str, LowRank]:
        """What the adapter begins as, by the weight's name.

        Raises:
            UserError: The forget set says nothing about one of them.
        """
        forget, retain = measured(self.importance, "forget"), measured(self.importance, "retain")
        rows = {
            name: row_weights(forget[name], retain[name], damping=self.damping, floor=self.floor) for name in weights
        }
        return beginnings(weights, rows, self.lora.shape, exact=self.exact, floor=self.floor)
