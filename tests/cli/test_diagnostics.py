from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import benign
from benign.audit import diagnose, run
from benign.audit.score import Row, Score, Scoreboard
from benign.cli.main import main
from benign.report import build

BOARD = Scoreboard("m", "", (Row("original", {"exact": Score(1, 1, 1, 3)}, 0.0, 0.0, 0),))
LOOKED = Scoreboard("m", "", (Row("original", {"diagnostic_lens": Score(0.25, 0, 1, 3)}, 0.0, 0.0, 0),))
WORDS = ["audit", "m", "--forget", "f", "--out", "o", "--quiet"]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What was done, in order; none of it for real."""
    made: list[tuple[str, Any]] = []

    def audit(*_: object, **__: object) -> SimpleNamespace:
        made.append(("audit", None))
        return SimpleNamespace(scoreboard=BOARD, asked={})

    def look(found: SimpleNamespace, names: tuple[str, ...], _: object) -> SimpleNamespace:
        made.append(("diagnose", names))
        return SimpleNamespace(scoreboard=LOOKED, asked={})

    def report(found: SimpleNamespace, path: Path) -> Path:
        made.append(("report", found.scoreboard))
        return path

    monkeypatch.setattr(benign, "read", lambda **_: "the data")
    monkeypatch.setattr(run, "audit", audit)
    monkeypatch.setattr(diagnose, "diagnose", look)
    monkeypatch.setattr(build, "build_report", report)
    return made


def test_nothing_is_looked_into_unless_asked(calls: list[tuple[str, Any]]) -> None:
    assert main(WORDS) == 0
    assert calls == [("audit", None), ("report", BOARD)]


def test_the_report_is_of_what_was_found_inside(
    calls: list[tuple[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*WORDS, "--diagnostics", "lens, depth"]) == 0
    assert calls == [("audit", None), ("diagnose", ("lens", "depth")), ("report", LOOKED)]
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["Unreadable", "inside", "↑", "0.25"] in lines


def test_a_wrong_name_costs_no_audit(calls: list[tuple[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*WORDS, "--diagnostics", "lense"]) == 2
    assert calls == []
    assert "did you mean 'lens'" in capsys.readouterr().err
