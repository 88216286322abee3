"""Which method stands first, by a number that a broken model cannot win; and one row for several seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, harmonic_mean, variance

from benign.audit.columns import column
from benign.audit.score import DESTROYED, ORIGINAL, RETRAINED, SUPPRESSED, Row, Score, Scoreboard
from benign.errors import NotMeasured

PROBES = ("memory_rouge", "memory_paraphrased", "memory_text")
KEPT = ("understanding_forget", "retained_memory", "general")
PROBE_GAP = 0.1
"""Probes on which the original knows less than this more than the retrained model are left out: a ratio of noise."""
_GUARANTEES = ("exact", "weights", "suppression", "none")
_Z = 1.959964


@dataclass(frozen=True)
class Standing:
    """Why a method stands where it stands; all three from 0 to 1, higher is better."""

    method: str
    forgetting: float
    keeping: float
    total: float
    destroyed: bool = False
    """Noted as destroyed for at least one seed: it stands behind all that are not."""


def ranking(scoreboard: Scoreboard, threshold: float = 0.5) -> tuple[str, ...] | NotMeasured:
    """The methods, best first, by :func:`standing`; refused where there was too little to forget."""
    table = standing(scoreboard, threshold)
    return table if isinstance(table, NotMeasured) else tuple(place.method for place in table)


def standing(scoreboard: Scoreboard, threshold: float = 0.5) -> tuple[Standing, ...] | NotMeasured:
    """Every method's forgetting, keeping and their harmonic mean, best first; ties stand in order of name.

    Forgetting is how far memory went from the original's to the retrained model's, on the probe (by picture, in other
    words, by name) where it went least; going below the retrained model earns nothing, and neither does a row noted as
    suppressed, whose memory went nowhere. Keeping is the harmonic mean of what is left of understanding on the
    forgotten pictures, of retained memory and of general ability, each relative to the original and at most 1. Doing
    nothing has forgetting 0 and a blank model has keeping 0, so both end at 0, and a row noted as destroyed stands
    behind all others. Several seeds of a method count by their mean.
    """
    if isinstance(scoreboard.gap, NotMeasured):
        return NotMeasured(f"no memorisation gap: {scoreboard.gap.reason}")
    if scoreboard.gap.value < threshold:
        return NotMeasured(
            f"the original knows only {scoreboard.gap.value:.2f} more about the forget set than a retrained model; "
            f"below {threshold:.2f} the ranks would be noise"
        )
    rows = mean_rows(scoreboard.rows)
    references = {row.method: row for row in rows if row.method in (ORIGINAL, RETRAINED)}
    methods = [row for row in rows if row.method not in references]
    if len(references) < 2:
        return NotMeasured("a ranking needs the rows of the original and of the retrained model")
    original, retrained = references[ORIGINAL], references[RETRAINED]
    probes = [name for name in PROBES if _gap(original, retrained, name) >= PROBE_GAP]
    kept = [name for name in KEPT if (original.value(name) or 0.0) > 0]
    if not probes or not kept:
        return NotMeasured("the original has no measured memory to lose or nothing measured to keep")
    missing = [f"{row.method}: {name}" for row in methods for name in (*probes, *kept) if row.value(name) is None]
    if missing:
        return NotMeasured(f"not measured for all methods: {', '.join(missing)}")
    places = [_standing(row, original, retrained, probes, kept) for row in methods]
    return tuple(sorted(places, key=lambda place: (place.destroyed, -place.total, place.method)))


def mean_rows(rows: Sequence[Row]) -> tuple[Row, ...]:
    """One row per method, in order of first appearance: means over its seeds, with pooled intervals.

    The interval adds the mean squared half-width within seeds and the variance between them times (1 + 1/seeds), the
    rule for pooling repeated estimates of Rubin (1987): seeds see the same records, so they do not narrow it.
    """
    names = dict.fromkeys(row.method for row in rows)
    return tuple(_mean_row([row for row in rows if row.method == name]) for name in names)


def _gap(original: Row, retrained: Row, name: str) -> float:
    known, guessed = original.value(name), retrained.value(name)
    return -math.inf if known is None or guessed is None else known - guessed


def _standing(row: Row, original: Row, retrained: Row, probes: Sequence[str], kept: Sequence[str]) -> Standing:
    forgetting = min(_gap(original, row, name) / _gap(original, retrained, name) for name in probes)
    shares = [(row.value(name) or 0.0) / (original.value(name) or 1.0) for name in kept]
    forgetting = 0.0 if row.noted(SUPPRESSED) else min(1.0, max(0.0, forgetting))
    keeping = harmonic_mean([min(1.0, max(0.0, share)) for share in shares])
    destroyed = row.noted(DESTROYED) is not None
    return Standing(row.method, forgetting, keeping, harmonic_mean([forgetting, keeping]), destroyed)


def _mean_row(rows: Sequence[Row]) -> Row:
    first = rows[0]
    if len(rows) == 1:
        return first
    names = dict.fromkeys(name for row in rows for name in row.metrics)
    notes = {note: [row.seed for row in rows if note in row.notes] for row in rows for note in row.notes}
    told = [note if len(seeds) == len(rows) else f"{note} (seed {_listed(seeds)})" for note, seeds in notes.items()]
    return Row(
        first.method,
        {name: _pooled(rows, name) for name in names},
        fmean(row.seconds for row in rows),
        max(row.peak_rss_mb for row in rows),
        first.seed,
        guarantee=max((row.guarantee for row in rows), key=_weakness),
        notes=(f"mean of seeds {_listed([row.seed for row in rows])}", *told),
        judge=first.judge,
    )


def _pooled(rows: Sequence[Row], name: str) -> Score | NotMeasured:
    scores: list[Score] = []
    for row in rows:
        score = row.metrics.get(name, NotMeasured("no such column"))
        if isinstance(score, NotMeasured):
            return NotMeasured(f"seed {row.seed}: {score.reason}")
        scores.append(score)
    value = fmean(score.value for score in scores)
    between = _Z**2 * (1 + 1 / len(scores)) * variance(score.value for score in scores)
    low = value - math.sqrt(fmean((score.value - score.low) ** 2 for score in scores) + between)
    high = value + math.sqrt(fmean((score.high - score.value) ** 2 for score in scores) + between)
    known = column(name)
    bottom, top = known.bounds if known else (-math.inf, math.inf)
    return Score(value, max(low, bottom), min(high, top), min(score.n for score in scores))


def _weakness(guarantee: str) -> int:
    return _GUARANTEES.index(guarantee) if guarantee in _GUARANTEES else len(_GUARANTEES)


def _listed(seeds: Sequence[int]) -> str:
    return ", ".join(map(str, seeds))
