"""Every weight of the model moves: full fine-tuning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benign.parts.loci import AdapterShape


@dataclass(frozen=True)
class AllWeights:
    """All parameters, or those whose module name matches ``modules``."""

    modules: str = ".*"
    """Regular expression on module names."""

    @property
    def adapter(self) -> AdapterShape | None:
        """None: the weights themselves move."""
        return None

    def pattern(self, language: str) -> str:
        """The given expression."""
        return self.modules

    def layers(self) -> Sequence[int] | None:
        """All layers."""
        return None
