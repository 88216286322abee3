"""The same question in other words: forgetting that hangs on the wording is none.

Source: the paraphrased questions of TOFU (arXiv 2401.06121), FIUBench's APE (arXiv 2411.03554), Lynch et al. 2024
(arXiv 2402.16835).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from benign.audit.attacks import Cost, Found, Ground
from benign.audit.attacks.asking import asked_again
from benign.audit.attacks.questions import MOST
from benign.audit.views import reworded
from benign.data.record import Record


@dataclass(frozen=True)
class Paraphrase:
    """Ask each question in the other wordings that its record brings along.

    The attacker is any user who asks once more. A score above the retrained model's: what was unlearned is the answer
    to the trained wordings, and the memory behind it is there.
    """

    wordings: int = 3
    """At most so many per question (FIUBench has three)."""
    most: int | None = MOST
    """At most so many records; None asks all."""
    cost: ClassVar[Cost] = "standard"

    def __call__(self, ground: Ground) -> Found:
        """Attack by paraphrase."""
        reason = "no question of the forget set has other wordings (`paraphrases`)"
        return asked_again(
            ground, "paraphrase", self.rewrite, most=self.most, nothing=reason, among=lambda r: bool(r.paraphrases)
        )

    def rewrite(self, record: Record) -> Sequence[Record]:
        """The record in its other wordings."""
        return [reworded(record, wording) for wording in record.paraphrases[: self.wordings]]
