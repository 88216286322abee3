"""How far each method forgot and how much it kept: the two numbers that the pictures and the verdict share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from benign.audit.ranking import KEPT, PROBES, mean_rows
from benign.audit.score import DESTROYED, ORIGINAL, RETRAINED, Row, Score, Scoreboard
from benign.errors import NotMeasured

MEMORY = "memory_rouge"
"""The column that stands for memory where one number must do."""
RELEARNED = "relearned_memory"


@dataclass(frozen=True)
class Outcome:
    """One row of the scoreboard, boiled down; several seeds of a method are one outcome."""

    row: Row
    memory: Score | NotMeasured
    """What is left of the forgotten."""
    kept: Score | NotMeasured
    """Mean of what is left of what was to stay, each relative to the original and at most 1."""
    shares: tuple[tuple[str, float], ...]
    """The parts of ``kept``, by column."""
    worst: tuple[str, float] | None
    """The probe of memory (by picture, reworded, by name) that gets the most back, and how much."""

    @property
    def method(self) -> str:
        """The row's method."""
        return self.row.method

    @property
    def reference(self) -> bool:
        """Whether this is the original or the retrained model."""
        return self.method in (ORIGINAL, RETRAINED)

    @property
    def destroyed(self) -> bool:
        """Whether the audit noted the model as destroyed, for one seed at least."""
        return self.row.noted(DESTROYED) is not None

    @property
    def forgotten(self) -> Score | NotMeasured:
        """One minus memory."""
        if isinstance(self.memory, NotMeasured):
            return self.memory
        return Score(1 - self.memory.value, 1 - self.memory.high, 1 - self.memory.low, self.memory.n)

    @property
    def relearned(self) -> Score | NotMeasured:
        """What the relearning attack brought back."""
        return self.row.metrics.get(RELEARNED, NotMeasured("the attack was not run"))


def in_order(scoreboard: Scoreboard, methods: Sequence[str]) -> Scoreboard:
    """The scoreboard with its rows in the given order of methods, the two references first."""
    places = {method: place for place, method in enumerate((ORIGINAL, RETRAINED, *methods))}
    return replace(scoreboard, rows=tuple(sorted(scoreboard.rows, key=lambda row: places[row.method])))


def outcomes(scoreboard: Scoreboard) -> tuple[Outcome, ...]:
    """The rows' outcomes in the scoreboard's order."""
    rows = mean_rows(scoreboard.rows)
    original = next((row for row in rows if row.method == ORIGINAL), None)
    return tuple(_outcome(row, original) for row in rows)


def _outcome(row: Row, original: Row | None) -> Outcome:
    memory = row.metrics.get(MEMORY, NotMeasured("no such column"))
    probes = [(name, value) for name in PROBES if (value := row.value(name)) is not None]
    worst = max(probes, key=lambda probe: probe[1], default=None)
    if original is None:
        return Outcome(row, memory, NotMeasured("there is no row of the original model"), (), worst)
    parts = [(name, share) for name in KEPT if (share := _share(row, original, name)) is not None]
    if not parts:
        return Outcome(row, memory, NotMeasured("nothing that was to stay was measured"), (), worst)
    return Outcome(row, memory, _mean([s for _, s in parts]), tuple((name, s.value) for name, s in parts), worst)


def _share(row: Row, original: Row, name: str) -> Score | None:
    now, before = row.metrics.get(name), original.value(name)
    if not isinstance(now, Score) or before is None or before <= 0:
        return None
    value, low, high = (min(1.0, max(0.0, part / before)) for part in (now.value, now.low, now.high))
    return Score(value, low, high, now.n)


def _mean(scores: Sequence[Score]) -> Score:
    # The parts are asked of different records, so their errors are taken as independent.
    value = fmean(score.value for score in scores)
    below = math.sqrt(sum((score.value - score.low) ** 2 for score in scores)) / len(scores)
    above = math.sqrt(sum((score.high - score.value) ** 2 for score in scores)) / len(scores)
    return Score(value, max(0.0, value - below), min(1.0, value + above), min(score.n for score in scores))
