"""The target axis: what a record answers from now on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from benign.data.record import Data, Record


@dataclass(frozen=True)
class Context:
    """What a target may look at besides the records themselves."""

    data: Data
    seed: int
    original: Callable[[Sequence[Record]], list[str]]
    """The original model's greedy answers to the records' questions."""


class Target(Protocol):
    """Turns the records of a term into what is asked and answered in training.

    Both methods are pure functions of their arguments, so a resumed run trains on the same answers.
    """

    def candidates(self, records: tuple[Record, ...], context: Context) -> tuple[Record, ...]:
        """The records that may be drawn; a target may ask other questions than the file does."""
        ...

    def answers(self, records: Sequence[Record], epochs: Sequence[int], context: Context) -> list[str]:
        """The answer for each drawn record; ``epochs`` says in which pass over the candidates it was drawn."""
        ...
