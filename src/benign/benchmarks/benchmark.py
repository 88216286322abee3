"""What a benchmark gives: the data a method may see, the data an audit asks, and the models it is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from benign.audit.column import Column
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

    @property
    def max_new_tokens(self) -> int:
        """Length limit of a generated answer."""
        ...

    @property
    def choices(self) -> tuple[str, ...]:
        """The splits whose questions' options are scored."""
        ...

    @property
    def columns(self) -> tuple[Column, ...]:
        """The protocol's own numbers, beside the columns that every scoreboard has."""
        ...

    @property
    def shown(self) -> Mapping[str, str]:
        """The columns of its table, with their titles."""
        ...
