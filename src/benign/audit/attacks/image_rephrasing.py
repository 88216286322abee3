"""The same picture taken otherwise: cut, mirrored, grained, compressed, moved.

Source: the changed test pictures of MLLMU-Bench (arXiv 2410.22108); the changes are :mod:`benign.audit.views`'.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from benign.audit.attacks import Cost, Found, Ground
from benign.audit.attacks.asking import asked_again
from benign.audit.attacks.questions import MOST
from benign.audit.views import IMAGE_VIEWS
from benign.data.record import Record
from benign.errors import unknown_name


@dataclass(frozen=True)
class ImageRephrasing:
    """Ask each question about a picture with the picture changed in every way.

    The attacker has another picture of the same person. A score above the retrained model's: what was unlearned are
    these very pixels.
    """

    views: tuple[str, ...] = tuple(view.name for view in IMAGE_VIEWS)
    """How pictures are changed, by the views' names."""
    most: int | None = MOST
    """At most so many records; None asks all."""
    cost: ClassVar[Cost] = "standard"

    def __post_init__(self) -> None:
        known = [view.name for view in IMAGE_VIEWS]
        for name in self.views:
            if name not in known:
                raise unknown_name("view", name, known)

    def __call__(self, ground: Ground) -> Found:
        """Attack by other pictures."""
        reason = "no memory question of the forget set shows a picture"
        return asked_again(
            ground, "image_rephrasing", self.rewrite, most=self.most, nothing=reason, among=lambda r: bool(r.images)
        )

    def rewrite(self, record: Record) -> Sequence[Record]:
        """The record with its pictures changed in each way."""
        return [seen for view in IMAGE_VIEWS if view.name in self.views and (seen := view(record)) is not None]
