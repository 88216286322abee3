"""The original model's own answers, which some targets teach again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from benign.data.record import Record
from benign.engine.serve import Served
from benign.engine.train import Report
from benign.engine.world import world
from benign.models.load import Model
from benign.models.shard import together

LONGEST = 64
"""Tokens of an answer."""


@dataclass(frozen=True)
class OriginalAnswers:
    """The original's greedy answers, each distinct question asked once in a run."""

    model: Model
    report: Report
    answered: dict[str, str] = field(default_factory=dict)
    """What it answered so far, by the record's digest."""

    def __call__(self, records: Sequence[Record]) -> list[str]:
        """One answer for each record."""
        missing = list({r.digest: r for r in records if r.digest not in self.answered}.values())
        done = 0

        def progress(count: int) -> None:
            nonlocal done
            done += count
            self.report("ask the original model", done, len(missing))

        if missing:
            here, served = world(), Served(self.model)
            # Processes that share the layers answer together, each question as often as there are processes.
            own = missing if together() else here.share(missing)
            texts = served.generate(own, max_new_tokens=LONGEST, progress=progress)
            said = texts if together() else [text for part in here.gathered(texts) for text in part]
            self.answered.update({record.digest: text for record, text in zip(missing, said, strict=True)})
        return [self.answered[record.digest] for record in records]
