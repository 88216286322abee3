"""The sampler axis: which records are drawn at which step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple, Protocol

from benign.data.record import Record

PICTURE_CHARACTERS = 2000
"""What a picture counts in a length: a few hundred tokens of about four characters (LLaVA-1.5: 576 tokens)."""


class Draw(NamedTuple):
    """One drawn record: its place among the candidates, and in which pass over them it was drawn."""

    place: int
    epoch: int


@dataclass(frozen=True, eq=False)
class Lead:
    """What the stage's first term draws, for a sampler that pairs with it."""

    records: tuple[Record, ...]
    """All that it may draw."""
    at: Callable[[int], Sequence[Record]]
    """Those that it draws at a step."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """The records that a term may draw, and what a sampler may ask about them; nothing is computed unasked."""

    records: tuple[Record, ...]
    lead: Lead | None = None
    """The stage's first term; None for that term itself."""

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.records)

    @cached_property
    def pictures(self) -> tuple[str, ...]:
        """What each record shows: the same key for the same pictures in the same order, empty where there are none."""
        return tuple("/".join(image.digest for image in record.images) for record in self.records)

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        """About how long each record is, in characters: its words, its own answer, and its pictures in their place.

        Only the order matters; it needs no tokenizer, so a recipe draws the same records whatever the model.
        """
        return tuple(_length(record) for record in self.records)


class Sampler(Protocol):
    """A pure function of (candidates, batch, seed, step): a resumed run draws what the straight run would have."""

    def __call__(self, candidates: Candidates, batch: int, *, seed: int, step: int) -> list[Draw]:
        """The records of one step: about ``batch`` of them, or none where the term rests at this step."""
        ...

    def epoch_steps(self, candidates: Candidates, batch: int) -> Fraction:
        """How many steps one pass over the candidates takes; not whole where a batch reaches over its end."""
        ...


def _length(record: Record) -> int:
    words = record.text or " ".join(message.text for message in record.conversation())
    return len(words) + PICTURE_CHARACTERS * len(record.images)
