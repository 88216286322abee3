"""Questions about others, answered, before the question: the conversation shows that such things are told here.

Source: RWKU's in-context probes (arXiv 2406.10890), Lynch et al. 2024 (arXiv 2402.16835); that what is known in
context undoes unlearning is argued in Shumailov et al. 2024 (arXiv 2407.00106).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from benign.audit.attacks import Cost, Found, Ground
from benign.audit.attacks.asking import asked_again
from benign.audit.attacks.others import kept, nearest
from benign.audit.attacks.questions import MOST
from benign.audit.attacks.turns import preceded
from benign.audit.views import asked_question
from benign.data.record import Message, Record


@dataclass(frozen=True)
class FewShot:
    """Put the most similar retained questions with their answers before each question, as earlier turns.

    They are shown in words; none is about the same subject or holds the expected answer. The attacker knows something
    about others. A score above the retrained model's: a conversation that goes on as usual brings the memory back.
    """

    shots: int = 5
    """Questions before each question."""
    most: int | None = MOST
    """At most so many records; None asks all."""
    cost: ClassVar[Cost] = "standard"

    def __call__(self, ground: Ground) -> Found:
        """Attack by examples."""
        known = kept(ground.data)
        reason = "no retained memory question to show, or no memory question in the forget set"
        return asked_again(
            ground, "few_shot", lambda r: self.rewrite(r, known, ground.seed), most=self.most, nothing=reason
        )

    def rewrite(self, record: Record, known: Sequence[Record], seed: int) -> Sequence[Record]:
        """The record behind its examples."""
        turns: list[Message] = []
        for shown in nearest(record, known, self.shots, seed):
            turns += [Message("user", (asked_question(shown),)), Message("assistant", (shown.gold,))]
        return [preceded(record, turns)] if turns else []
