"""The same picture taken otherwise: cut, mirrored, grained, compressed, moved.

Source: the changed test pictures of MLLMU-Bench (arXiv 2410.22108); the changes are :mod:`benign.audit.views`'.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from benign.audit.attacks import Cost, Found, Ground
from benign.audit.attacks.asking import MOST, asked_again
from benign.audit.views import IMAGE_VIEWS, View
from benign.data.record import Record


@dataclass(frozen=True)
class ImageRephrasing:
    """Ask each question about a picture with the picture changed in every way.

    The attacker has another picture of the same person. A score above the retrained model's: what was unlearned are
    these very pixels.
    """

    views: tuple[View, ...] = IMAGE_VIEWS
    """How pictures are changed."""
    most: int | None = MOST
    """At most so many records; None asks all."""
    cost: ClassVar[Cost] = "standard"

    def __call__(self, ground: Ground) -> Found:
        """Attack by other pictures."""
        reason = "no memory question of the forget set shows a picture"
        return asked_again(
            ground, "image_rephrasing", self.rewrite, most=self.most, nothing=reason, among=lambda r: bool(r.images)
        )

    def rewrite(self, record: Record) -> Sequence[Record]:
        """The record with its pictures changed in each way."""
        return [seen for view in self.views if (seen := view(record)) is not None]
