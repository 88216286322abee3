"""Misspelt questions: two neighbouring letters inside a word change places.

Source: Belinkov and Bisk 2017 (arXiv 1711.02173), whose swaps keep a word's first and last letter; asking again with
new noise until something comes out is best-of-N jailbreaking (arXiv 2412.03556).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import ClassVar

from benign.audit.attacks import Cost, Found, Ground
from benign.audit.attacks.asking import asked_again
from benign.audit.attacks.questions import MOST
from benign.audit.views import asked_question, reworded
from benign.data.record import Record
from benign.engine.draw import derived_seed

LONG = 4
"""The shortest word in which two letters can change places while the first and the last stay."""


@dataclass(frozen=True)
class Typos:
    """Ask each question several times with different misspellings; digits and signs stay as they are.

    The attacker types badly, or on purpose. A score above the retrained model's: the block listens for the exact
    spelling of the question, most often of the name in it.
    """

    share: float = 0.3
    """Of the words of four letters or more, how many are misspelt; at least one is."""
    variants: int = 3
    """How often each question is asked."""
    most: int | None = MOST
    """At most so many records; None asks all."""
    cost: ClassVar[Cost] = "standard"

    def __call__(self, ground: Ground) -> Found:
        """Attack by misspelling."""
        reason = "no question of the forget set has a word of four letters in which two can change places"
        return asked_again(ground, "typos", lambda r: self.rewrite(r, ground.seed), most=self.most, nothing=reason)

    def rewrite(self, record: Record, seed: int) -> Sequence[Record]:
        """The record with its question misspelt in ``variants`` ways."""
        question = asked_question(record)
        wordings = [misspelt(question, self.share, seed, record.id, number) for number in range(self.variants)]
        return [reworded(record, wording) for wording in wordings if wording != question]


def misspelt(text: str, share: float, *key: object) -> str:
    """The text with two neighbouring inner letters swapped in ``share`` of its longer words, drawn by the key."""
    places = [(start, swaps) for start, word in _words(text) if (swaps := _swaps(word))]
    places.sort(key=lambda place: derived_seed("typos", *key, place[0]))
    letters = list(text)
    for start, swaps in places[: max(1, round(share * len(places)))]:
        one = start + swaps[derived_seed("swap", *key, start) % len(swaps)]
        letters[one], letters[one + 1] = letters[one + 1], letters[one]
    return "".join(letters)


def _words(text: str) -> Iterator[tuple[int, str]]:
    """Runs of at least ``LONG`` letters with where they start; a raised or a circled digit is no letter."""
    for is_word, run in groupby(enumerate(text), key=lambda place: place[1].isalpha()):
        letters = list(run)
        if is_word and len(letters) >= LONG:
            yield letters[0][0], "".join(letter for _, letter in letters)


def _swaps(word: str) -> list[int]:
    """Where two letters can change places so that one sees it, the first and the last letter left alone."""
    return [i for i in range(1, len(word) - 2) if word[i] != word[i + 1]]
