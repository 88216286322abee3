"""A low-rank adapter on the language model's linear modules (Hu et al. 2021, arXiv 2106.09685)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benign.parts.loci import AdapterShape


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
    """Decoder layers to stay within; empty means all."""

    @property
    def adapter(self) -> AdapterShape | None:
        """The adapter's shape."""
        return AdapterShape(self.rank, self.alpha, self.dropout)

    def pattern(self, language: str) -> str:
        """The given expression, else the language model's linear modules."""
        return self.modules or language

    def layers(self) -> Sequence[int] | None:
        """The given layers, else all."""
        return self.within or None
