"""Effects' files are filled row by row, and a training is read where it passed a goal."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from benches.experiments.effects import seeds
from benches.experiments.effects.along import Way

Fill = Callable[..., dict[str, Any]]


@pytest.fixture
def measured() -> list[tuple[str, int]]:
    return []


@pytest.fixture
def fill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measured: list[tuple[str, int]]) -> Fill:
    """Fill a file with two jobs a seed, of which the second finds two rows, and read it."""
    monkeypatch.setattr(seeds, "RESULTS", tmp_path)

    def row(name: str, seed: int) -> seeds.Row | list[seeds.Row]:
        if (name, seed) == ("b", 9):
            raise RuntimeError("killed")
        measured.append((name, seed))
        return {"left": seed / 2} if name == "a" else [{"left": 1 / 3}, {"row": "c", "done": True}]

    def run(*options: str) -> dict[str, Any]:
        monkeypatch.setattr(sys, "argv", ["effect", *options])
        seeds.fill("effect", lambda seed: {name: partial(row, name, seed) for name in "ab"}, lambda: {"n": 7})
        return dict(json.loads((tmp_path / "effect.json").read_text()))

    return run


def test_only_missing_rows_are_measured(fill: Fill, measured: list[tuple[str, int]]) -> None:
    fill("--seeds", "1", "--first", "3", "--only", "a*")
    assert measured == [("a", 3)]
    told = fill("--seeds", "2", "--first", "2")
    assert measured == [("a", 3), ("a", 2), ("b", 2), ("b", 3)]
    assert [(row["seed"], row["row"]) for row in told["rows"]] == [(s, r) for s in (2, 3) for r in ("a", "b", "c")]
    assert fill("--seeds", "2", "--first", "2") == told and len(measured) == 4
    # 1.0 and 1.5: mean 1.25, sample deviation 0.5 / sqrt(2); truths are not averaged.
    assert told["table"] == {"a": {"left": [1.25, 0.353553, 2]}, "b": {"left": [0.333333, 0.0, 2]}, "c": {}}
    assert told["once"] == {"n": 7}


def test_a_killed_fill_keeps_what_it_had(fill: Fill, measured: list[tuple[str, int]], tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        fill("--seeds", "2", "--first", "8")
    told = json.loads((tmp_path / "effect.json").read_text())
    assert [(row["seed"], row["row"]) for row in told["rows"]] == [(8, "a"), (8, "b"), (8, "c"), (9, "a")]


def test_a_way_is_read_where_it_first_passed_the_goal() -> None:
    way = Way([{"step": 0, "x": 1.0}, {"step": 4, "x": 0.5, "y": 2.0}, {"step": 8, "x": 0.3, "y": 3.0}])
    assert way.at("x", 0.75) == pytest.approx({"step": 2, "x": 0.75, "y": 2.0})
    assert way.at("x", 0.4) == pytest.approx({"step": 6, "x": 0.4, "y": 2.5})
    assert way.at("x", 0.2) is None and way.end("x", 0.2) == {"step": None, "x": 0.3, "y": 3.0}
    assert way.at("x", 1.0) == {"step": 0, "x": 1.0}
    risen = Way([{"step": 2, "x": 1.0}, {"step": 4, "x": 3.0}])
    assert risen.at("x", 2.0, rising=True) == pytest.approx({"step": 3, "x": 2.0})
