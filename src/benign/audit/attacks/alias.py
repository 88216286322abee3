"""The subject under another form of the name: initials, the surname alone, a title, a misspelling, a known alias.

Source: the alias probes of the Unlearning Mirage (arXiv 2603.11266); RWKU's synonym manipulation (arXiv 2406.10890).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from benign.audit.attacks import Cost, Found, Ground
from benign.audit.attacks.asking import asked_again
from benign.audit.attacks.naming import name_in, renamed
from benign.audit.attacks.questions import MOST
from benign.audit.attacks.typos import misspelt
from benign.audit.views import asked_question, reworded
from benign.data.record import Record


@dataclass(frozen=True)
class Alias:
    """Replace the name in each question that names its subject (by its spans, or by the subject itself).

    The attacker knows the person by another name, or tries some. A score above the retrained model's: the name was
    blocked and what the model knows of its bearer was not touched.
    """

    known: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Other names by subject (a maiden name, a pen name), asked before the forms that are made of the name."""
    titles: tuple[str, ...] = ("Dr",)
    """Set before the last name."""
    most: int | None = MOST
    """At most so many records; None asks all."""
    cost: ClassVar[Cost] = "standard"

    def __call__(self, ground: Ground) -> Found:
        """Attack by other names."""
        reason = "no question of the forget set is known to name its subject (`spans`, or the subject's own words)"
        return asked_again(
            ground, "alias", lambda r: self.rewrite(r, ground.seed),
            most=self.most, nothing=reason, among=lambda r: bool(name_in(r)),
        )  # fmt: skip

    def rewrite(self, record: Record, seed: int) -> Sequence[Record]:
        """The record with each other form of the name in its question."""
        name = name_in(record)
        if not name:
            return ()
        question = asked_question(record)
        forms = dict.fromkeys((*self.known.get(record.subject, ()), *self.forms(name, seed)))
        return [reworded(record, renamed(question, name, form)) for form in forms if form != name]

    def forms(self, name: str, seed: int) -> tuple[str, ...]:
        """What can be made of a name, the same for all its questions; of a single word only a misspelling."""
        wrong = misspelt(name, 0.0, seed, name)
        first, *others = name.split()
        if not others:
            return (wrong,)
        last, given = others[-1], " ".join((first, *others[:-1]))
        titled = (f"{title} {last}" for title in self.titles)
        return (f"{first[0]}. {last}", last, f"{last}, {given}", *titled, wrong)
