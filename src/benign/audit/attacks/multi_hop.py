"""Two facts in a chain: the subject is told by another fact, and only then asked about.

Source: the multi-hop probes of the Unlearning Mirage (arXiv 2603.11266), where single facts were gone and chains of
them were not; chained questions about edited facts are MQuAKE's (arXiv 2305.14795). Theirs lead away from the subject
to a third thing; records hold no such relations, so these lead from one fact of a subject to another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from benign.audit.attacks import Cost, Found, Ground
from benign.audit.attacks.asking import asked_again
from benign.audit.attacks.naming import name_in, renamed
from benign.audit.attacks.others import gives_away
from benign.audit.attacks.questions import MOST, forgotten
from benign.audit.views import asked_question, reworded, text_only
from benign.data.record import Record
from benign.engine.draw import derived_seed


@dataclass(frozen=True)
class MultiHop:
    """Ask each question in words, without name and picture, about the one of whom another forgotten fact is true.

    The attacker knows one fact and wants another. A score above the retrained model's: the facts are still tied to
    each other, and only the way by the name or the picture was cut.
    """

    bridges: int = 2
    """Other facts that each question is asked by, one at a time."""
    stand_in: str = "this person"
    """Written where the subject's name stood."""
    most: int | None = MOST
    """At most so many records; None asks all."""
    cost: ClassVar[Cost] = "standard"

    def __call__(self, ground: Ground) -> Found:
        """Attack by chains of two facts."""
        facts = forgotten(ground.data)
        reason = "no subject of the forget set has two facts that can be asked without the subject's name"
        return asked_again(
            ground, "multi_hop", lambda r: self.rewrite(r, facts, ground.seed), most=self.most, nothing=reason
        )

    def rewrite(self, record: Record, facts: Sequence[Record], seed: int) -> Sequence[Record]:
        """The record asked by way of other facts of its subject."""
        question = self._nameless(record, asked_question(record))
        plain = text_only(record) or record
        return [
            reworded(plain, f"There is somebody about whom this is true: {told} About the same one: {question}")
            for told in self._bridges(record, facts, seed)
            if question
        ]

    def _bridges(self, record: Record, facts: Sequence[Record], seed: int) -> list[str]:
        """Other facts of the same subject, each once, none of which holds the answer that is asked for."""
        own = [other for other in facts if record.subject and other.subject == record.subject]
        told: dict[str, str] = {}
        for other in sorted(own, key=lambda other: derived_seed(seed, record.id, other.id)):
            fact = self._told(other)
            if fact and not gives_away(record, fact):
                told.setdefault(other.gold, fact)
        return list(told.values())[: self.bridges]

    def _told(self, record: Record) -> str:
        question = self._nameless(record, asked_question(record))
        answer = renamed(record.gold, name_in(record), self.stand_in).rstrip(".")
        return f"{question} {answer}." if question and answer else ""

    def _nameless(self, record: Record, text: str) -> str:
        """The text without the subject's name; empty where it may name the subject in words that nobody marked."""
        name = name_in(record)
        if not name and not record.images:
            return ""
        return renamed(text, name, self.stand_in)
