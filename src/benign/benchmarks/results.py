"""Measured rows in git: ``<results>/<benchmark>/<method>.json``, and the scoreboards that they make together."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import benign
from benign.audit.score import Row, Scoreboard
from benign.audit.scoreboard import as_json, from_json
from benign.benchmarks.coresets import CORESET
from benign.benchmarks.experiment import Experiment
from benign.data.atomic import write_text
from benign.errors import UserError

REFERENCES = "references"
"""The file of the original and the retrained model, which no experiment makes."""


@dataclass(frozen=True)
class Measured:
    """One run of an experiment."""

    setting: int
    row: Row
    version: str
    """benign's, when it was measured."""


def load_measured(folder: Path, experiment: Experiment) -> tuple[Measured, ...]:
    """What is there of an experiment; nothing of one that has been changed since.

    Raises:
        UserError: The file is damaged.
    """
    path = folder / experiment.benchmark / f"{experiment.name}.json"
    content = _read(path)
    return _measured(path, content) if content and content.get("experiment") == experiment.digest else ()


def save_measured(folder: Path, experiment: Experiment, measured: Iterable[Measured]) -> None:
    """Write an experiment's rows, in order of setting and seed."""
    ordered = sorted(measured, key=lambda found: (found.setting, found.row.seed))
    board = Scoreboard("", "", tuple(found.row for found in ordered))
    rows = as_json(board)["rows"]
    content = {
        "experiment": experiment.digest,
        "measured": [
            {"setting": found.setting, "benign": found.version, "row": row}
            for found, row in zip(ordered, rows, strict=True)
        ],
    }
    _write(folder / experiment.benchmark / f"{experiment.name}.json", content)


def save_references(folder: Path, benchmark: str, setting: int, board: Scoreboard) -> None:
    """Keep the original's and the retrained model's rows of one setting, and the memorisation gap."""
    path = folder / benchmark / f"{REFERENCES}.json"
    content = (_read(path) or {}) | {str(setting): as_json(board) | {"benign": benign.__version__}}
    _write(path, dict(sorted(content.items(), key=lambda item: int(item[0]))))


def load_references(folder: Path, benchmark: str) -> dict[int, Scoreboard]:
    """The references by setting; empty where none were measured.

    Raises:
        UserError: The file is damaged.
    """
    path = folder / benchmark / f"{REFERENCES}.json"
    try:
        return {int(setting): from_json(board) for setting, board in (_read(path) or {}).items()}
    except (ValueError, LookupError, TypeError, AttributeError):
        raise _damaged(path) from None


def scoreboards(folder: Path, benchmark: str, order: Sequence[str] = ()) -> dict[int, Scoreboard]:
    """All measured rows of a benchmark, one scoreboard per setting; the methods of ``order`` first."""
    boards = load_references(folder, benchmark)
    paths = [path for path in sorted((folder / benchmark).glob("*.json")) if path.stem != REFERENCES]
    places = {name: place for place, name in enumerate(order)}
    # A method on a coreset stands behind the method.
    for path in sorted(paths, key=lambda path: places.get(path.stem.partition(CORESET)[0], len(places))):
        for found in _measured(path, _read(path) or {}):
            if found.setting in boards:
                board = boards[found.setting]
                boards[found.setting] = replace(board, rows=(*board.rows, found.row))
    return boards


def _measured(path: Path, content: Mapping[str, Any]) -> tuple[Measured, ...]:
    try:
        plain = {"model": "", "benchmark": "", "rows": [entry["row"] for entry in content["measured"]]}
        rows = from_json(plain).rows
        return tuple(
            Measured(int(entry["setting"]), row, str(entry["benign"]))
            for entry, row in zip(content["measured"], rows, strict=True)
        )
    except (ValueError, LookupError, TypeError, AttributeError):
        raise _damaged(path) from None


def _read(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise _damaged(path) from None
    if not isinstance(content, dict):
        raise _damaged(path)
    return content


def _damaged(path: Path) -> UserError:
    return UserError("not a file of results", where=str(path), fix="delete it to measure again")


def _write(path: Path, content: Mapping[str, Any]) -> None:
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
