"""The diagnostics of an audit: after the questions, into the weights of every system that was audited."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benign.audit.diagnostic_columns import PREFIX
from benign.audit.diagnostics import Diagnosis, Diagnostic
from benign.audit.diagnostics.catalogue import find
from benign.audit.run import Audit, Candidate
from benign.audit.score import ORIGINAL, RETRAINED, Row, Score
from benign.audit.scoreboard import save
from benign.data.atomic import write_text
from benign.data.record import Data
from benign.engine.serve import Served
from benign.engine.train import Report
from benign.engine.world import world
from benign.errors import NotMeasured

FILE = "diagnostics.json"


def diagnose(found: Audit, names: Sequence[str], report: Report) -> Audit:
    """The audit with each diagnostic's score in every row, as ``diagnostic_NAME``; what the layers show is in
    ``diagnostics.json`` beside the scoreboard.

    The original and the retrained model have rows too: what a diagnostic says of them is what its ends look like.
    A diagnostic that was made before, of the same weights and records with the same settings, is read and not made.

    Args:
        found: An audit of systems whose weights are at hand.
        names: The diagnostics (:mod:`benign.audit.diagnostics.catalogue`).
        report: Called as (what, done, total).

    Raises:
        UserError: There is no such diagnostic, or one needs a library that is not installed.
    """
    known = {candidate.name: candidate.system for candidate in reversed(found.candidates)}
    work = _Work(known[ORIGINAL], known.get(RETRAINED), found.data, found.folder, report)
    rows, told = [], []
    inside: dict[str, Mapping[str, Diagnosis]] = {}
    for row, candidate in zip(found.scoreboard.rows, found.candidates, strict=True):
        made = {name: work.made(name, candidate) for name in names}
        rows.append(_with(row, made))
        inside.setdefault(row.method, made)
        diagnostics = {name: _plain(diagnosis) for name, diagnosis in made.items()}
        told.append({"method": row.method, "seed": row.seed, "diagnostics": diagnostics})
    board = replace(found.scoreboard, rows=tuple(rows))
    if world().main:
        _write(found.folder / FILE, {"rows": told})
        save(board, found.folder / "scoreboard.json")
    return replace(found, scoreboard=board, inside=inside)


@dataclass(frozen=True)
class _Work:
    original: Served
    retrained: Served | None
    data: Data
    folder: Path
    report: Report

    def made(self, name: str, candidate: Candidate) -> Diagnosis:
        diagnostic = find(name)
        systems = (candidate.system, self.original, self.retrained)

        def tell(what: str, done: int, total: int) -> None:
            self.report(f"{what} {candidate.name}", done, total)

        digests = [system.digest if system else None for system in systems]
        kept = Kept(self.folder / "diagnostics", name, diagnostic, digests, self.data)
        return kept(lambda: diagnostic(*systems, self.data, tell))


@dataclass(frozen=True)
class Kept:
    """A diagnosis that is made once: its file is named by all that it depends on."""

    folder: Path
    """Where diagnoses are kept."""
    name: str
    """The diagnostic's."""
    diagnostic: Diagnostic
    """With its settings."""
    digests: Sequence[str | None]
    """Of the system looked into, the original and the retrained model."""
    data: Data
    """All splits that it was given."""

    def __call__(self, look: Callable[[], Diagnosis]) -> Diagnosis:
        """What is kept, or else what ``look`` finds."""
        identity = json.dumps([self.name, repr(self.diagnostic), list(self.digests), self.data.digest])
        place = self.folder / f"{hashlib.sha256(identity.encode()).hexdigest()[:24]}.json"
        kept = _kept(place)
        if kept is not None:
            return kept
        # As it is read again: without the values that a score is made of.
        found = _diagnosis(_plain(look()))
        if world().main:
            place.parent.mkdir(parents=True, exist_ok=True)
            _write(place, _plain(found))
        return found


def _kept(place: Path) -> Diagnosis | None:
    """What was found before; None where the file is missing or damaged."""
    try:
        return _diagnosis(json.loads(place.read_text(encoding="utf-8")))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def _with(row: Row, made: Mapping[str, Diagnosis]) -> Row:
    return replace(row, metrics={**row.metrics, **{f"{PREFIX}{name}": d.score for name, d in made.items()}})


def _plain(diagnosis: Diagnosis) -> dict[str, Any]:
    score = diagnosis.score
    told: dict[str, Any] = (
        {"not_measured": score.reason}
        if isinstance(score, NotMeasured)
        else {"value": score.value, "low": score.low, "high": score.high, "n": score.n}
    )
    # A broken model's numbers are none, and JSON has no word for them.
    layers = {
        name: [value if value is not None and math.isfinite(value) else None for value in curve]
        for name, curve in diagnosis.layers.items()
    }
    return {"score": told, "layers": layers}


def _diagnosis(content: Mapping[str, Any]) -> Diagnosis:
    score = content["score"]
    told = NotMeasured(score["not_measured"]) if "not_measured" in score else Score(**score)
    return Diagnosis(told, {name: tuple(curve) for name, curve in content["layers"].items()})


def _write(path: Path, content: Mapping[str, Any]) -> None:
    write_text(path, json.dumps(content, sort_keys=True, indent=2, allow_nan=False) + "\n")
