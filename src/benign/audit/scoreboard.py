"""The scoreboard: observations become rows, rows a file, and a file rows again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benign.audit import honesty
from benign.audit.columns import COLUMNS as COLUMNS
from benign.audit.columns import Column as Column
from benign.audit.judges.judge import AskedOnce, Judge
from benign.audit.judges.rules import RulesJudge
from benign.audit.metrics.gap import memorisation_gap
from benign.audit.observation import Observations
from benign.audit.ranking import mean_rows as mean_rows
from benign.audit.ranking import ranking as ranking
from benign.audit.ranking import standing as standing
from benign.audit.scope import Scope
from benign.audit.score import DESTROYED, ORIGINAL, REMEMBERS, RETRAINED, Row, Score, Scoreboard
from benign.audit.sources import Sources
from benign.data.atomic import write_text
from benign.errors import NotMeasured, UserError

_MEMORY = Scope(("forget",), "memory", "main")
_REMAINS = 0.1
"""Memory above the retrained model's by more than this is said in words, if the whole interval is above it."""


def judge_row(
    method: str,
    observations: Observations,
    *,
    original: Observations | None = None,
    retrained: Observations | None = None,
    judge: Judge | None = None,
    attacks: Mapping[str, Score | NotMeasured] | None = None,
    seconds: float = 0.0,
    peak_rss_mb: float = 0.0,
    seed: int = 0,
    guarantee: str = "weights",
    notes: tuple[str, ...] = (),
) -> Row:
    """All columns of one result, each a score or the reason why not.

    Args:
        method: The method's name; ``original`` and ``retrained`` for the references.
        observations: What the result did.
        original: What the original model did; needed for the note "destroyed" and for what compares with it.
        retrained: What the retrained model did; needed for the note on memory that remains and for what compares.
        judge: Who marks facts and language; the offline rules if not given.
        attacks: The scores of the attack columns.
        seconds: Wall clock of the unlearning.
        peak_rss_mb: Its peak memory.
        seed: Its seed.
        guarantee: What kind of forgetting it claims.
        notes: Words to show beside the numbers, before the ones added here.
    """
    asked_once = AskedOnce(judge or RulesJudge())
    sources = Sources(observations, original, retrained, asked_once)
    given = dict(attacks or {})
    metrics: dict[str, Score | NotMeasured] = {}
    for column in COLUMNS:
        if column.measure is not None:
            metrics[column.name] = column.measure(sources)
        else:
            metrics[column.name] = given.pop(column.name, NotMeasured("the attack was not run"))
    row = Row(
        method, metrics | given, seconds, peak_rss_mb, seed, guarantee=guarantee, notes=notes, judge=asked_once.name
    )
    if method in (ORIGINAL, RETRAINED):
        return row
    destroyed = _destroyed(row, original, asked_once)
    found = (*destroyed, *honesty.notes(sources, destroyed=bool(destroyed)), *_remains(observations, retrained))
    return Row(**{**vars(row), "notes": (*notes, *found)})


def measured_gap(original: Observations, retrained: Observations | None) -> Score | NotMeasured:
    """The memorisation gap on the forget set's memory questions, as the scoreboard keeps it."""
    if retrained is None:
        return NotMeasured("no retrained model given")
    known, guessed = _MEMORY.pick(original), _MEMORY.pick(retrained)
    if isinstance(known, NotMeasured):
        return known
    return guessed if isinstance(guessed, NotMeasured) else memorisation_gap(known, guessed)


def _destroyed(row: Row, original: Observations | None, judge: Judge) -> tuple[str, ...]:
    if original is None:
        return ()
    for column in COLUMNS:
        if column.name in ("meaningful", "retained_memory") and column.measure is not None:
            before, after = column.measure(Sources(original, judge=judge)), row.value(column.name)
            if isinstance(before, Score) and after is not None and after < before.value / 2:
                return (DESTROYED,)
    return ()


def _remains(observations: Observations, retrained: Observations | None) -> tuple[str, ...]:
    left = NotMeasured("") if retrained is None else measured_gap(observations, retrained)
    if isinstance(left, Score) and left.low > _REMAINS:
        return (f"{REMEMBERS} {left.value:.2f} more than a retrained model",)
    return ()


def save(scoreboard: Scoreboard, path: Path) -> None:
    """Write ``scoreboard.json``: the same scoreboard gives the same bytes."""
    text = json.dumps(as_json(scoreboard), sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    write_text(path, f"{text}\n")


def as_json(scoreboard: Scoreboard) -> dict[str, Any]:
    """The scoreboard in the shape of design section 4."""
    return {
        "model": scoreboard.model,
        "benchmark": scoreboard.benchmark,
        "gap": _score_json(scoreboard.gap),
        "rows": [_row_json(row) for row in scoreboard.rows],
    }


def load(path: Path) -> Scoreboard:
    """Read ``scoreboard.json``; a file without intervals (another program's) gives scores with ``n`` 0."""
    try:
        return from_json(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise UserError("no such file", where=str(path), fix="run an audit first") from None
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise UserError(f"not a scoreboard: {reason}", where=str(path), fix="run the audit again") from None


def from_json(content: Mapping[str, Any]) -> Scoreboard:
    """The inverse of :func:`as_json`; what is missing or of another type raises as Python does."""
    gap = content.get("gap", {"not_measured": "no retrained model given"})
    rows = tuple(_row(row) for row in content["rows"])
    return Scoreboard(str(content["model"]), str(content["benchmark"]), rows, _score(gap))


def _row_json(row: Row) -> dict[str, Any]:
    scores = {name: s for name, s in row.metrics.items() if isinstance(s, Score)}
    reasons = {name: s.reason for name, s in row.metrics.items() if isinstance(s, NotMeasured)}
    return {
        "method": row.method,
        "metrics": {name: s.value for name, s in scores.items()},
        "intervals": {name: [s.low, s.high, s.n] for name, s in scores.items()},
        "not_measured": reasons,
        "seconds": row.seconds,
        "peak_rss_mb": row.peak_rss_mb,
        "seed": row.seed,
        "guarantee": row.guarantee,
        "notes": list(row.notes),
        "judge": row.judge,
    }


def _row(content: Mapping[str, Any]) -> Row:
    intervals = content.get("intervals", {})
    metrics: dict[str, Score | NotMeasured] = {
        name: NotMeasured(str(reason)) for name, reason in content.get("not_measured", {}).items()
    }
    for name, value in content["metrics"].items():
        low, high, n = intervals.get(name, (value, value, 0))
        metrics[name] = Score(float(value), float(low), float(high), int(n))
    return Row(
        str(content["method"]),
        metrics,
        float(content["seconds"]),
        float(content["peak_rss_mb"]),
        int(content["seed"]),
        guarantee=str(content.get("guarantee", "weights")),
        notes=tuple(content.get("notes", ())),
        judge=str(content.get("judge", "")),
    )


def _score_json(score: Score | NotMeasured) -> dict[str, Any]:
    if isinstance(score, NotMeasured):
        return {"not_measured": score.reason}
    return {"value": score.value, "low": score.low, "high": score.high, "n": score.n}


def _score(content: Mapping[str, Any]) -> Score | NotMeasured:
    if "not_measured" in content:
        return NotMeasured(str(content["not_measured"]))
    return Score(float(content["value"]), float(content["low"]), float(content["high"]), int(content["n"]))
