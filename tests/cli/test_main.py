"""Every way in which a command can end: its status, and the one line that says why."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

import benign as package
from benign import methods
from benign.cli.main import main
from benign.errors import BadRecords, UserError
from tests.cli.running import benign

COMMANDS = ("demo", "unlearn", "audit", "bench", "meta", "methods")


def ending(error: BaseException, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """The status of a command in which something is raised."""

    def fail(_: object) -> None:
        raise error

    monkeypatch.setattr(methods, "describe", fail)
    return main(["methods", *words])


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example_of_the_command(command: str) -> None:
    run = benign(command, "--help")
    assert run.returncode == 0
    assert f"Example: benign {command}" in run.stdout
    for option in ("--json", "--debug"):
        assert option in run.stdout


def test_help_lists_the_commands() -> None:
    run = benign("--help")
    assert run.returncode == 0
    assert all(f"\n  {command} " in run.stdout for command in COMMANDS)


def test_no_command_is_answered_with_help_and_a_status() -> None:
    run = benign()
    assert run.returncode == 2
    assert "Usage: benign" in run.stderr
    assert "internal error" not in run.stderr


def test_version() -> None:
    assert benign("--version").stdout == f"benign {package.__version__}\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["methods", "--jsn"], "No such option: --jsn"),
        (["forget"], "forget"),
        (["unlearn", "model", "--out", "x"], "--forget"),
        (["demo", "--ratio", "ten"], "--ratio"),
        (["bench", "smllmun", "--ratios", "5,ten"], "'5,ten' is not a list of whole numbers"),
        (["bench", "smllmun", "--seeds", "0"], "--seeds"),
        (["bench", "smllmun", "--methods", "npoo"], "did you mean 'npo'"),
        (["demo", "--methods", "smfa,magic"], "'magic'"),
        (["audit", "model", "--forget", "f", "--out", "o", "--judge", "oracle"], "unknown judge 'oracle'"),
        (["audit", "model", "--forget", "f", "--out", "o", "--judge", "http://localhost"], "--judge-model"),
        (["methods", "sfma"], "did you mean 'smfa'"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert said in shown.err
    assert shown.err.startswith("error: ")
    assert shown.err.count("\n") == 1


def test_a_mistake_ends_the_process_with_status_2_and_no_traceback() -> None:
    run = benign("methods", "sfma", "--json")
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith("error: unknown method 'sfma'")
    assert "Traceback" not in run.stderr


def test_debug_shows_the_traceback_and_the_line() -> None:
    run = benign("methods", "sfma", "--debug")
    assert run.returncode == 2
    assert "Traceback (most recent call last)" in run.stderr
    assert run.stderr.splitlines()[-1].startswith("error: unknown method")


def test_a_user_error_keeps_its_place_and_its_cure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ending(UserError("odd [red]", where="a.json", fix="mend it"), monkeypatch) == 2
    assert capsys.readouterr().err == "error: a.json: odd [red] (mend it)\n"


def test_all_bad_records_are_shown_as_editors_read_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    problems = ["f.jsonl:3: answer: empty", "f.jsonl:17: id: missing"]
    assert ending(BadRecords(problems), monkeypatch) == 2
    assert capsys.readouterr().err.splitlines() == [*problems, "error: 2 bad records (nothing was read)"]


def test_one_bad_record_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert ending(BadRecords(["f.jsonl:17: id: missing"]), monkeypatch) == 2
    assert capsys.readouterr().err == "error: f.jsonl:17: id: missing (nothing was read)\n"


def test_a_bug_is_status_1_and_says_how_to_see_more(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ending(ZeroDivisionError("two\nlines"), monkeypatch) == 1
    assert capsys.readouterr().err == "internal error: ZeroDivisionError: two lines, run with --debug\n"
    assert ending(ZeroDivisionError("two"), monkeypatch, "--debug") == 1
    assert "in fail" in capsys.readouterr().err


def test_an_interrupt_is_130_and_says_that_it_resumes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ending(KeyboardInterrupt(), monkeypatch) == 130
    assert capsys.readouterr().err.strip() == "interrupted; run the same command again to resume"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_the_users_to_mend(
    code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ending(OSError(code, os.strerror(code), "out/adapter"), monkeypatch) == 2
    assert "out/adapter: the disk is full" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_error() -> None:
    pipe = f"{sys.executable} -m benign methods --json | true"
    run = subprocess.run(["bash", "-c", pipe], capture_output=True, text=True, timeout=60)
    assert run.stderr == ""


def test_a_missing_file_is_said_before_anything_heavy_is_imported(tmp_path: Path) -> None:
    code = (
        "import sys; from benign.cli.main import main; "
        "code = main(['unlearn', 'm', '--forget', 'no.jsonl', '--out', 'out']); "
        "print(code, 'torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert run.stdout == "2 False\n"
    assert "no.jsonl" in run.stderr
    assert run.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists(), "nothing may be half-written"
