"""The sampler axis: which records are drawn at which step."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Draw(NamedTuple):
    """One drawn record: its place among the candidates, and in which pass over them it was drawn."""

    place: int
    epoch: int


class Sampler(Protocol):
    """A pure function of (count, batch, seed, step): a resumed run draws what the straight run would have drawn."""

    def __call__(self, count: int, batch: int, *, seed: int, step: int) -> list[Draw]:
        """The ``batch`` records of one step out of ``count`` candidates."""
        ...
