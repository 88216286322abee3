"""``probes.json``: every probe with what each system answered to it, and the numbers; written, and read by a report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benign.audit.probes.chains import KINDS, Probe
from benign.audit.probes.graph import write_graph
from benign.audit.probes.mirage import Probed
from benign.audit.probes.verdicts import Measured, Verdicts, judged
from benign.audit.score import ORIGINAL, Score
from benign.data.atomic import write_text
from benign.data.record import Data
from benign.engine import canonical
from benign.engine.serve import System
from benign.errors import NotMeasured, UserError

FILE = "probes.json"


@dataclass(frozen=True)
class Asked:
    """One probe and the answers to it."""

    kind: str
    question: str
    answers: tuple[str, ...]
    """Any of them is right."""
    said: Mapping[str, str]
    """By system, the original among them."""


@dataclass(frozen=True)
class Saved:
    """What probing left in its folder."""

    about: str
    """Whose probes these are (:func:`about`)."""
    numbers: Mapping[str, Mapping[str, Measured]]
    """By system, the original first, and by kind of probe; ``residual`` and ``overall`` beside the kinds."""
    asked: tuple[Asked, ...]


def about(original: System, data: Data) -> str:
    """What tells the probes of one model and one forget set from others."""
    return canonical.digest("probes", original.digest, sorted(record.digest for record in data.forget))


def save_probes(probed: Probed, folder: Path, *, whose: str = "") -> tuple[Path, Path]:
    """Write ``graph.json`` (what the original knows) and ``probes.json`` (every probe and what was answered).

    Both hold what was to be forgotten: purge them with the records.

    Args:
        probed: What was found.
        folder: Where to.
        whose: From :func:`about`.
    """
    graph, probes = folder / "graph.json", folder / FILE
    write_graph(probed.graph, graph)
    said = {ORIGINAL: probed.checked.said, **probed.said}
    items = [
        _item(probe, {name: texts[i] for name, texts in said.items()}, {n: told[i] for n, told in probed.told.items()})
        for i, probe in enumerate(probed.checked.kept)
    ]
    content = {"about": whose, **as_numbers(probed), "probes": items}
    write_text(probes, json.dumps(content, ensure_ascii=False, indent=2) + "\n")
    return graph, probes


def load_probes(path: Path) -> Saved:
    """Read ``probes.json``.

    Raises:
        UserError: It is missing or no such file.
    """
    again = "run the probes again: what is cached is not asked again"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        numbers = {
            str(name): {str(row): _measured(found) for row, found in rows.items()}
            for name, rows in content["systems"].items()
        }
        asked = tuple(
            Asked(str(item["kind"]), str(item["question"]), tuple(map(str, item["answers"])), dict(item["said"]))
            for item in content["probes"]
        )
        return Saved(str(content["about"]), numbers, asked)
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=str(path), fix=again) from None
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UserError(f"not what probing writes: {type(error).__name__}", where=str(path), fix=again) from None


def as_numbers(probed: Probed) -> dict[str, Any]:
    """The numbers alone, as JSON types."""
    found = {name: _numbers(verdicts) for name, verdicts in judged(probed).items()}
    return {"systems": found, "dropped": probed.dropped()}


def _numbers(verdicts: Verdicts) -> dict[str, Any]:
    of_kinds = {str(kind): _number(verdicts.accuracy[kind]) for kind in KINDS}
    return of_kinds | {"residual": _number(verdicts.residual), "overall": _number(verdicts.overall)}


def _number(score: Measured) -> dict[str, Any]:
    if isinstance(score, NotMeasured):
        return {"not_measured": score.reason}
    return {"value": score.value, "low": score.low, "high": score.high, "n": score.n}


def _measured(found: Mapping[str, Any]) -> Measured:
    if "not_measured" in found:
        return NotMeasured(str(found["not_measured"]))
    return Score(float(found["value"]), float(found["low"]), float(found["high"]), int(found["n"]))


def _item(probe: Probe, said: Mapping[str, str], told: Mapping[str, bool]) -> dict[str, Any]:
    path = [{"s": edge.subject, "r": edge.relation, "o": edge.object} for edge in probe.path]
    return {
        "kind": probe.kind, "way": probe.way, "subject": probe.subject, "question": probe.question,
        "answers": list(probe.answers), "path": path, "told": dict(told), "said": dict(said),
    }  # fmt: skip
