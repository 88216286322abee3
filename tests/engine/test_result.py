"""A run's folder that is none, or damaged: one line that names the file and the field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benign.engine.result import load_result
from benign.errors import UserError

COST = {"seconds": 2.5, "peak_rss_mb": 100.0, "guarantee": "weights"}


def run(folder: Path, **changed: Any) -> Path:
    files = {
        "run.json": {"method": "npo", "seed": 3, "finished": True},
        "provenance.json": {"cost": COST},
        "facts.json": {},
    }
    folder.mkdir(exist_ok=True)
    for name, content in {**files, **changed}.items():
        (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


def test_a_finished_run_is_read(tmp_path: Path) -> None:
    found = load_result(run(tmp_path / "r"))
    assert (found.method, found.seed, found.seconds, found.guarantee) == ("npo", 3, 2.5, "weights")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("run.json", "{", "not valid JSON"),
        ("run.json", "[]", "an object is expected"),
        ("run.json", {"method": "npo", "seed": 3}, "finished is missing"),
        ("run.json", {"method": "npo", "seed": "x", "finished": True}, "seed is missing or no whole number"),
        ("run.json", {"method": "npo", "seed": 3, "finished": False}, "this run is not finished"),
        ("provenance.json", {}, "cost is missing"),
        ("provenance.json", {"cost": {**COST, "seconds": None}}, "seconds is missing or no number"),
        ("facts.json", "\ufeffno", "not valid JSON"),
    ],
)
def test_a_damaged_file_is_named_with_its_field(name: str, content: Any, said: str, tmp_path: Path) -> None:
    folder = run(tmp_path / "r", **{name: content})
    with pytest.raises(UserError, match=said) as caught:
        load_result(folder)
    assert str(folder) in caught.value.line() and "\n" not in caught.value.line()


@pytest.mark.parametrize("made", ["nothing", "empty", "file"])
def test_what_is_no_run_s_folder_is_said(made: str, tmp_path: Path) -> None:
    place = tmp_path / "x"
    if made == "empty":
        place.mkdir()
    elif made == "file":
        place.write_text("x")
    with pytest.raises(UserError, match="not a run's folder"):
        load_result(place)
