"""What a person and a program see of long work and of its outcome."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from benign.audit.score import Row, Score, Scoreboard
from benign.cli import render
from benign.errors import NotMeasured


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_plain_progress_says_begin_pace_and_end(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    report = render.PlainProgress(clock)
    for step in range(101):
        clock.now = step * 0.1
        report("train mfa", step, 100)
    assert capsys.readouterr().err.splitlines() == [
        "train mfa: 0/100",
        "train mfa: 50/100, 10.0/s, 5 s left",
        "train mfa: 100/100, 10.0/s, took 10 s",
    ]


def test_plain_progress_counts_a_resumed_run_from_where_it_resumed(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    report = render.PlainProgress(clock)
    report("train", 300, 600)
    clock.now = 100.0
    report("train", 350, 600)
    assert capsys.readouterr().err.splitlines()[-1] == "train: 350/600, 2.0 s each, 8 min 20 s left"


def test_plain_progress_begins_anew_for_each_phase(capsys: pytest.CaptureFixture[str]) -> None:
    report = render.PlainProgress(Clock())
    for what, done in (("a", 1), ("b", 0), ("b", 1), ("b", 0)):
        report(what, done, 9)
    assert capsys.readouterr().err.splitlines() == ["a: 1/9", "b: 0/9", "b: 0/9"]


def test_work_keeps_stdout_for_the_outcome(capsys: pytest.CaptureFixture[str]) -> None:
    with render.work() as progress:
        print("a stray word")
        progress("train", 1, 1)
    print("outcome")
    shown = capsys.readouterr()
    assert shown.out == "outcome\n"
    assert shown.err == "a stray word\ntrain: 1/1\n"


def test_quiet_work_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with render.work(quiet=True) as progress:
        progress("train", 1, 2)
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_bars_with_counts_rate_and_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    with render.work() as progress:
        for step in range(5):
            progress("train", step, 4)
        progress("again", 4, 4)
    shown = capsys.readouterr()
    assert shown.out == ""
    for word in ("train", "again", "4/4", "/s"):
        assert word in shown.err


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.2, "0 s"), (59.4, "59 s"), (60, "1 min 00 s"), (3599, "59 min 59 s"), (3725, "1 h 02 min")]
)
def test_durations(seconds: float, said: str) -> None:
    assert render.duration(seconds) == said


@pytest.mark.parametrize(("speed", "said"), [(0.0, ""), (0.25, "4.0 s each"), (1.0, "1.0/s"), (123.456, "123.5/s")])
def test_rates(speed: float, said: str) -> None:
    assert render.rate(speed) == said


@dataclass(frozen=True)
class Outcome:
    folder: Path
    score: float
    gap: NotMeasured


def test_an_outcome_is_valid_json_whatever_is_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    render.emit({"runs": (Outcome(Path("a/b"), float("inf"), NotMeasured("no oracle")),), "n": 3})
    assert json.loads(capsys.readouterr().out) == {
        "runs": [{"folder": "a/b", "score": "inf", "gap": {"not_measured": "no oracle"}}],
        "n": 3,
    }


def test_a_scoreboard_shows_numbers_gaps_and_notes(capsys: pytest.CaptureFixture[str]) -> None:
    def row(method: str, memory: Score | NotMeasured, *notes: str) -> Row:
        return Row(method, {"memory_rouge": memory}, 12.0, 100.0, 0, notes=notes)

    rows = (row("original", Score(0.98, 0.9, 1.0, 30)), row("npo", NotMeasured("not asked"), "destroyed"))
    render.scoreboard(Scoreboard("vlm", "smllmun", rows, Score(0.91, 0.9, 0.92, 30)))
    shown = capsys.readouterr().out
    assert any(line.split()[-3:] == ["↓", "0.98", "-"] for line in shown.splitlines())
    assert "memorisation gap: 0.91" in shown
    assert "npo: destroyed" in shown


def test_a_table_does_not_read_markup_in_its_cells(capsys: pytest.CaptureFixture[str]) -> None:
    render.table(["name"], [["tuple[str, ...] [bold]"]])
    assert "tuple[str, ...] [bold]" in capsys.readouterr().out


def test_a_scoreboard_lists_the_attacks_that_were_made(capsys: pytest.CaptureFixture[str]) -> None:
    found = Score(0.25, 0.2, 0.3, 4)
    row = Row("x", {"relearned_memory": found, "attack_relearn_steps_9": found}, 0.0, 0.0, 0)
    render.scoreboard(Scoreboard("m", "", (row,)))
    lines = [line.strip().split("  ")[0] for line in capsys.readouterr().out.splitlines() if "0.25" in line]
    assert lines == ["Memory, relearned ↓", "Relearn steps 9 ↓"]
