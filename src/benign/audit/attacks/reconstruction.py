"""A record's place in a hierarchy, given level by level: hospital, patient, study, section.

Source: the reconstruction attack of MedForget (arXiv 2512.09867), which adds the hierarchy's context to the prompt
step by step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from benign.audit.attacks import Cost, Found, Ground
from benign.audit.attacks.asking import asked_again
from benign.audit.attacks.questions import MOST
from benign.audit.views import wrapped
from benign.data.record import Record


@dataclass(frozen=True)
class Reconstruction:
    """Ask each question with the first level of its subject's path given, with two levels, and so on to the last.

    A hierarchy is a subject that is written as a path, such as ``hospital-3/patient-12/study-1``. The attacker knows
    where the record belonged. A score above the retrained model's: the forgotten level is rebuilt from the levels
    above it; the view ``reconstruction_2`` is what two levels bring back.
    """

    separator: str = "/"
    """What stands between the levels of a subject."""
    most: int | None = MOST
    """At most so many records; None asks all."""
    cost: ClassVar[Cost] = "standard"

    def __call__(self, ground: Ground) -> Found:
        """Attack by growing context."""
        reason = f"no subject of the forget set is a path of levels, such as hospital{self.separator}patient"
        return asked_again(
            ground, "reconstruction", self.rewrite,
            most=self.most, nothing=reason, among=lambda r: len(self.levels(r)) > 1,
        )  # fmt: skip

    def levels(self, record: Record) -> tuple[str, ...]:
        """The subject's path, from the top down."""
        return tuple(level.strip() for level in record.subject.split(self.separator) if level.strip())

    def rewrite(self, record: Record) -> Sequence[Record]:
        """The record behind one level more each time."""
        levels = self.levels(record)
        contexts = [", ".join(levels[:depth]) for depth in range(1, len(levels) + 1)] if len(levels) > 1 else []
        return [made for context in contexts if (made := wrapped(record, before=f"This belongs to {context}. "))]
