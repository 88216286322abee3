"""The picture's question in words alone: the way to the memory that goes past the picture.

Source: UMU-Bench (NeurIPS 2025) asks every fact in both modalities and counts it forgotten only where both are;
S-MLLMUn Bench (arXiv 2511.20196) asks by name beside the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from benign.audit.attacks import Cost, Found, Ground
from benign.audit.attacks.asking import asked_again
from benign.audit.attacks.naming import names
from benign.audit.attacks.questions import MOST
from benign.audit.views import text_only, wrapped
from benign.data.record import Record


@dataclass(frozen=True)
class TextOnly:
    """Ask each question about a picture without it, and where the subject's name is known, with the name instead.

    The attacker has no picture. A score above the retrained model's: only the way from the picture was cut.
    """

    most: int | None = MOST
    """At most so many records; None asks all."""
    cost: ClassVar[Cost] = "fast"

    def __call__(self, ground: Ground) -> Found:
        """Attack by words alone."""
        reason = "no memory question of the forget set shows a picture: they are asked in words alone as it is"
        rewrite = partial(self.rewrite, names=names(ground.data))
        return asked_again(ground, "text_only", rewrite, most=self.most, nothing=reason, among=lambda r: bool(r.images))

    def rewrite(self, record: Record, names: dict[str, str]) -> Sequence[Record]:
        """The record without its pictures, once as it is and once with the subject's name, where that is known."""
        plain = text_only(record)
        if plain is None:
            return ()
        name = names.get(record.subject, "")
        named = wrapped(plain, before=f"This is about {name}. ") if name else None
        return [plain, named] if named else [plain]
