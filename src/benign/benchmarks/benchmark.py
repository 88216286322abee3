"""What a benchmark gives: the data a method may see, the data an audit asks, and the models it is about."""

from __future__ import annotations

from typing import Protocol

from benign.data.record import Data


class Benchmark(Protocol):
    """A published protocol, or one of ours, with everything fixed that a number depends on."""

    @property
    def name(self) -> str:
        """The name that the scoreboard shows, with the setting in it."""
        ...

    @property
    def original(self) -> str | None:
        """The model to unlearn, as ``benign.load`` takes it; None if the user brings it."""
        ...

    @property
    def retrained(self) -> str | None:
        """The model that never saw the forget set, for the same setting; None if there is none."""
        ...

    def data(self) -> Data:
        """All that a method may use."""
        ...

    def evaluation(self) -> Data:
        """What the audit asks."""
        ...
