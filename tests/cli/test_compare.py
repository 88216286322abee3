"""``benign compare`` on real audits of two runs of a tiny model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benign.audit.run import Settings, audit
from benign.cli.main import main
from benign.engine.recipe import Optim
from benign.engine.unlearn import unlearn
from benign.methods.grad_ascent import GradAscent
from benign.methods.idk import IDK
from benign.models.load import load
from tests import toys


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compare")
    model = load(str(toys.text_model(folder / "base")))
    optim = Optim(lr=1e-2, epochs=None, steps=3)
    for name, method in (("idk", IDK(optim=optim)), ("grad_ascent", GradAscent(optim=optim))):
        result = unlearn(model, toys.data(), method=method, out=folder / name)
        audit(model, result, toys.data(), out=folder / name / "audit", settings=Settings(attacks=()))
    return folder


def test_two_runs_are_compared_in_words_table_and_picture(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = runs / "page.html"
    assert main(["compare", str(runs / "idk"), str(runs / "grad_ascent"), "--out", str(page)]) == 0
    shown = capsys.readouterr().out
    assert "Both were asked the same" in shown and "Kept memory" in shown and str(page) in shown
    assert "<svg" in page.read_text(encoding="utf-8")


def test_as_json_the_numbers_are_the_scoreboards(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["compare", str(runs / "idk"), str(runs / "grad_ascent" / "audit"), "--columns", "memory_probability"]
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) >= {"headline", "sentences", "a", "b", "questions", "columns"}
    column = found["columns"]["memory_probability"]
    for side, name in (("a", "idk"), ("b", "grad_ascent")):
        board = json.loads((runs / name / "audit" / "scoreboard.json").read_text())
        assert column[side] == pytest.approx(board["rows"][1]["metrics"]["memory_probability"], abs=1e-15)
    # One person is to be forgotten, so her two questions are the units: no outcome can have p below 1/2.
    assert column["clusters"] == 2 and column["p"] >= 0.5


def test_bad_input_is_one_line_and_status_two(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for a, b in ((runs / "base", runs / "idk"), (runs / "idk", runs / "nowhere")):
        assert main(["compare", str(a), str(b), "--json"]) == 2
        shown = capsys.readouterr()
        assert shown.out == "" and len(shown.err.splitlines()) == 1 and shown.err.startswith("error: ")
