"""The first words of the answer are given; what is asked for is the rest.

Source: extraction by prefixes, Carlini et al. 2022 (arXiv 2202.07646); MUSE's verbatim memorisation (arXiv
2407.06460); MEMO of MEOW (arXiv 2409.11844). RWKU's fill-in-the-blank probes (arXiv 2406.10890) are its cousins.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from benign.audit.attacks import Cost, Found, Ground
from benign.audit.attacks.asking import asked_again
from benign.audit.attacks.questions import MOST
from benign.audit.attacks.turns import begun
from benign.data.record import Record


@dataclass(frozen=True)
class CompletionPrefix:
    """Begin each answer with its own first words and score only what follows them.

    Answers of a single word have no rest and are left out, as are those in scripts that set no spaces. The attacker
    knows how the answer begins. A score above the retrained model's: the wording was learned by heart and is there.
    """

    share: float = 0.5
    """Of the answer's words, how many are given: at least one, and never the last."""
    most: int | None = MOST
    """At most so many records; None asks all."""
    cost: ClassVar[Cost] = "fast"

    def __call__(self, ground: Ground) -> Found:
        """Attack by the answer's beginning."""
        reason = "no memory question of the forget set has an answer of several words"
        return asked_again(
            ground, "completion_prefix", self.rewrite,
            most=self.most, nothing=reason, among=lambda r: len(r.gold.split()) > 1,
        )  # fmt: skip

    def rewrite(self, record: Record) -> Sequence[Record]:
        """The record with its answer begun, the rest expected."""
        found = list(re.finditer(r"\S+", record.gold))
        if len(found) < 2:
            return ()
        given = min(max(1, int(self.share * len(found))), len(found) - 1)
        start, cut = found[0].start(), found[given - 1].end()
        return [begun(record, record.gold[start:cut], record.gold[found[given].start() :])]
