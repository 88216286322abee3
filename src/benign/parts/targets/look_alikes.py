"""The original model's own answers about pictures that resemble those of the forget set, made from them."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benign.data.blend import blended
from benign.data.record import ImageRef, Record
from benign.errors import UserError
from benign.parts.targets import Context
from benign.parts.targets.self_answers import without_secrets


@dataclass(frozen=True)
class LookAlikes:
    """Every picture of the forget set is laid over pictures of strangers, and its questions are asked of the blend.

    What the original says of those who are nearly the person, and not the person, draws the line of what is forgotten
    closely around it; strangers alone are too far away. Where the original still tells a forget subject's secret, the
    blend is that person to it, and the question is left out.
    """

    each: int = 40
    """Blends of each picture."""
    least: float = 0.4
    """The smallest share of the stranger in a blend; which share one has is drawn evenly."""
    most: float = 0.75
    """The largest."""

    def candidates(self, records: tuple[Record, ...], context: Context) -> tuple[Record, ...]:
        """All questions about all blends, as records without a subject.

        Raises:
            UserError: No record shows a picture, or there is no stranger's (or retained) picture of the same sort.
        """
        asked: dict[str, list[Record]] = {}
        for record in records:
            if record.images:
                asked.setdefault(record.images[0].digest, []).append(record)
        blends = [blend for group in asked.values() for blend in self._blends(group, context)]
        if not blends:
            raise UserError("no pictures to blend", where="strangers", fix="give strangers with pictures")
        return tuple(without_secrets(blends, context))

    def answers(self, records: Sequence[Record], epochs: Sequence[int], context: Context) -> list[str]:
        """What the original model answers."""
        return context.original(records)

    def _blends(self, group: Sequence[Record], context: Context) -> Iterator[Record]:
        others = _pictures_like(group, context)
        if not others:
            return
        own = group[0].images[0]
        random_ = random.Random(hashlib.sha256(f"{context.seed}/{own.digest}".encode()).digest())
        for number in range(self.each):
            picture = blended(own, random_.choice(others), random_.uniform(self.least, self.most))
            for record in group:
                yield Record(f"{record.id}#like{number}", images=(picture,), question=record.question)


def _pictures_like(group: Sequence[Record], context: Context) -> list[ImageRef]:
    """Strangers' pictures of the same sort, or the retained people's where there are none: what is asked the same."""
    questions = {record.question for record in group}
    for records in (context.data.strangers, context.data.trainable_retain):
        found = {r.images[0].digest: r.images[0] for r in records if r.images and r.question in {*questions, ""}}
        if found:
            return [found[digest] for digest in sorted(found)]
    return []
