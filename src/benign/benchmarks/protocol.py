"""What the benchmarks' protocols are written with: data and models of one's own, and columns over parts of a split."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from benign.audit.column import Column
from benign.audit.observation import Observations
from benign.audit.run import Audit
from benign.audit.scope import Scope
from benign.audit.score import ORIGINAL, RETRAINED, Scoreboard
from benign.audit.sources import Sources
from benign.errors import NotMeasured, UserError


@dataclass(frozen=True)
class Brought:
    """What a user brings to a benchmark; nothing of it is the embedded world."""

    data: str = ""
    """The benchmark's files: a folder, or a data set's id on the hub."""
    original: str = ""
    """The model to unlearn, as ``benign.load`` takes it."""
    retrained: str = ""
    """The model that never saw the forget set; without it nothing is ranked."""

    def __post_init__(self) -> None:
        if self.retrained and not self.original:
            raise UserError("it is retrained of which model?", where="--retrained", fix="give --data and --model too")
        if bool(self.data) != bool(self.original):
            missing = "--model" if self.data else "--data"
            raise UserError("data and model belong together", where=missing, fix="give both, or neither to run offline")

    @property
    def anything(self) -> bool:
        """Whether it is another world than the embedded one."""
        return bool(self.data)

    @property
    def world(self) -> str:
        """What a benchmark's name ends in."""
        return "" if self.anything else ", embedded world"

    def retrained_or(self, embedded: str | None) -> str | None:
        """The model that never saw the forget set, if there is one: the user's, or the embedded world's."""
        return (self.retrained or None) if self.anything else embedded

    @property
    def digest(self) -> str:
        """Tells results on one's own data and models from others."""
        parts = "\0".join((self.data, self.original, self.retrained))
        return hashlib.sha256(parts.encode()).hexdigest()[:12]


OFFLINE = Brought()
"""Nothing is brought: the embedded world and its models."""


@dataclass(frozen=True)
class Part(Scope):
    """The observations in scope whose record ids begin with a table's name."""

    table: str = ""

    def pick(self, observations: Observations) -> Observations | NotMeasured:
        """The observations of the table, or why there are none."""
        found = super().pick(observations)
        if isinstance(found, NotMeasured):
            return found
        chosen = found.only(lambda o: o.record.startswith(f"{self.table}/"))
        return chosen if chosen else NotMeasured(f"no questions of {self.table} in the {' or '.join(self.splits)} set")


def part(split: str, table: str, *, documents: bool = False) -> Part:
    """The observations of one table; ``documents`` are scored and not asked."""
    return Part((split,), asked=not documents, table=table)


def with_columns(found: Audit, columns: Sequence[Column]) -> Scoreboard:
    """The audit's scoreboard with the benchmark's own columns beside the general ones."""
    if not columns:
        return found.scoreboard
    seen = found.observations
    rows = []
    for row in found.scoreboard.rows:
        sources = Sources(seen[row.method], seen.get(ORIGINAL), seen.get(RETRAINED))
        own = {column.name: column.measure(sources) for column in columns if column.measure is not None}
        rows.append(replace(row, metrics={**row.metrics, **own}))
    return replace(found.scoreboard, rows=tuple(rows))
