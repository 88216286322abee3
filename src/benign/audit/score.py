"""A score with its interval, and the rows that a scoreboard is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from benign.errors import NotMeasured

ORIGINAL = "original"
RETRAINED = "retrained"
DESTROYED = "destroyed"
"""What a note begins with where the model is broken: its row stands behind all others."""
REMEMBERS = "still remembers"
"""What a note begins with where the forgotten answers are still given."""
SUPPRESSED = "suppressed"
"""What a note begins with where the memory is hidden and still in the weights: it counts as not forgotten."""
REPLACED = "replaced"
"""What a note begins with where wrong answers were taught in the place of the right ones."""
RECOGNISES = "recognises"
"""What a note begins with where a model declines, and still picks the right answers out among wrong ones."""
REFUSES = "refuses"
"""What a note begins with where most of what was to be answered is declined."""
NOISE = "noise"
"""What a note begins with where answers are no language."""


@dataclass(frozen=True)
class Group:
    """Values whose mean enters a linear combination with ``weight``; clusters are drawn within ``stratum``."""

    weight: float
    values: tuple[float, ...]
    clusters: tuple[str, ...]
    stratum: str = ""


@dataclass(frozen=True)
class TwoSets:
    """One number per record of two sets, lower for members: what telling members from others is made of."""

    members: tuple[float, ...]
    others: tuple[float, ...]
    member_clusters: tuple[str, ...]
    other_clusters: tuple[str, ...]
    fpr: float | None = None
    """The false positive rate at which members are found; None for the area under the whole curve."""


@dataclass(frozen=True)
class Score:
    """A measured number: its mean, a bootstrap confidence interval, and how many records it rests on.

    ``n`` is 0 for a number read from a foreign scoreboard that gives no interval.
    """

    value: float
    low: float
    high: float
    n: int
    groups: tuple[Group, ...] = field(default=(), compare=False, repr=False)
    """The values that it is made of, for a paired comparison; empty where it was read from a file or is no mean."""
    sets: TwoSets | None = field(default=None, compare=False, repr=False)
    """The same for a score that tells members from others; None for any other."""


@dataclass(frozen=True)
class Row:
    """What one method's result scored in one run (one seed)."""

    method: str
    """The method's name; ``original`` and ``retrained`` for the two references."""
    metrics: Mapping[str, Score | NotMeasured]
    seconds: float
    """Wall clock of the unlearning alone; 0 for the original and the retrained model."""
    peak_rss_mb: float
    seed: int
    guarantee: str = "weights"
    """``exact``, ``weights`` or ``suppression`` (design section 2); ``none`` for the original model."""
    notes: tuple[str, ...] = ()
    """Plain words that a reader must see beside the numbers, such as "destroyed"."""
    judge: str = ""
    """Name and version of the judge behind the fact and meaningful scores."""

    def noted(self, word: str) -> str | None:
        """The first note that begins with ``word``, or None."""
        return next((note for note in self.notes if note.startswith(word)), None)

    def value(self, name: str) -> float | None:
        """The measured number of a column, or None."""
        score = self.metrics.get(name)
        return score.value if isinstance(score, Score) else None


@dataclass(frozen=True)
class Scoreboard:
    """All rows of one benchmark on one model: the original first, then the retrained model if there is one."""

    model: str
    benchmark: str
    rows: tuple[Row, ...]
    gap: Score | NotMeasured = field(default_factory=lambda: NotMeasured("no retrained model given"))
    """The memorisation gap: original minus retrained on the forget set's image memory."""

    def row(self, method: str) -> Row | None:
        """The first row of a method, or None."""
        return next((row for row in self.rows if row.method == method), None)
