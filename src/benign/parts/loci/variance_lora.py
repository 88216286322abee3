"""VILA (Kim et al. 2025, arXiv 2508.21300): FILA's start, from the gradients of a random adapter's factors alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from benign.models.change import LowRank
from benign.models.families.family import Family
from benign.parts.loci import AdapterShape, Measured
from benign.parts.loci.factors import TOKENS, FactorImportance, factor
from benign.parts.loci.importance import Importance
from benign.parts.loci.lora import Lora
from benign.parts.loci.split import beginnings, refuse_dora, row_weights


@dataclass(frozen=True)
class VarianceLora:
    """LoRA that starts as the part of W that what is forgotten needs, where the importance of W is taken to be
    importance(B) importance(A), the product of the matrices of a random adapter's gradient variances.

    No gradient of a weight is computed. Otherwise it is :class:`benign.parts.loci.fisher_lora.FisherLora`.
    """

    lora: Lora = Lora(rank=8, alpha=16.0, dropout=0.0)
    """The adapter, and the shape of the random one (paper: rank 8, alpha 16, every linear module)."""
    importance: Importance = Importance("variance")
    """The estimate, of every entry of the factors (official code: in batches of 4); a set that fits in one batch has no
    variance."""
    sigma: float = 0.05
    """Standard deviation of the random factors (paper: 0.05)."""
    damping: float = 1e-3
    """Added to the retain importance, in units of its mean, against small denominators (paper: 0)."""
    floor: float = 0.0
    """Added to the retain importance as it is, and to the rows' weights where B is divided by them (official code: 1e-5
    for both, which here is nearly always more than the importance, and not little beside the rows' weights)."""
    counted_twice: bool = False
    """Whether means over tokens are divided by the number of tokens once more (official code)."""
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
            UserError: The forget set says nothing about one of them, as when it fits in one batch.
        """
        asked = FactorImportance(self.lora.rank, self.lora.alpha, self.sigma, self.importance)
        forget, retain = measured(asked, "forget"), measured(asked, "retain")
        rows = {
            name: row_weights(
                self._product(forget, name), self._product(retain, name), damping=self.damping, floor=self.floor
            )
            for name in weights
        }
        return beginnings(weights, rows, self.lora.shape, exact=self.exact, floor=self.floor)

    def _product(self, found: Mapping[str, Tensor], name: str) -> Tensor:
        """[out, in] the importance of a weight."""
        product = found[factor(name, "B")].double() @ found[factor(name, "A")].double()
        return product / found[TOKENS] if self.counted_twice else product
