"""The locus axis: which parameters may move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class AdapterShape:
    """The shape of a low-rank adapter: scale = alpha / rank."""

    rank: int
    alpha: float
    dropout: float


class Locus(Protocol):
    """Chooses modules by name; the engine attaches what is needed and freezes the rest.

    ``adapter`` is the adapter's shape, or None where the weights themselves move.
    """

    @property
    def adapter(self) -> AdapterShape | None:
        """The adapter to put on each chosen module, if any."""
        ...

    def pattern(self, language: str) -> str:
        """A regular expression that full-matches the names of the modules to move.

        ``language`` is the family's expression for the linear modules of the language model.
        """
        ...

    def layers(self) -> Sequence[int] | None:
        """The decoder layers to stay within, or None for all."""
        ...
