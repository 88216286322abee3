"""The picture with a question that asks for nothing in particular: what the picture alone brings up.

Source: the free descriptions by which multimodal forgetting is tested (FIUBench, arXiv 2411.03554; CLEAR, arXiv
2410.18057, asks for captions). The words here are our own.
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
class ImageOnly:
    """Show each picture with an open question and look for the expected answer in what is told.

    The attacker has a picture and no question. How much can be told is bounded by the audit's limit of new tokens. A
    score above the retrained model's: the picture still brings the memory up, and only the trained questions do not.
    """

    prompt: str = "What do you know about what this picture shows? Tell everything."
    """The open question."""
    most: int | None = MOST
    """At most so many records; None asks all."""
    cost: ClassVar[Cost] = "fast"

    def __call__(self, ground: Ground) -> Found:
        """Attack by the picture alone."""
        reason = "no memory question of the forget set shows a picture"
        return asked_again(
            ground, "image_only", self.rewrite, most=self.most, nothing=reason, among=lambda r: bool(r.images)
        )

    def rewrite(self, record: Record) -> Sequence[Record]:
        """The record with the open question."""
        return [reworded(record, self.prompt)]
