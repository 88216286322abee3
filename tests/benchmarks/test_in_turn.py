"""Requests in a row: each is met on the model that the last one left, and the same whichever row asks first."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benign.audit.run import Settings
from benign.audit.score import Row, Score, Scoreboard
from benign.benchmarks import catalogue, run
from benign.benchmarks.experiment import Experiment, save_experiment
from benign.benchmarks.in_turn import forgotten
from benign.benchmarks.published import write_tables
from benign.benchmarks.summary import in_turn
from benign.cli.main import main
from benign.data.record import Data
from benign.engine.recipe import Optim
from benign.engine.serve import stacked
from benign.engine.unlearn import unlearn
from benign.errors import UserError
from benign.methods.eco import ECO
from benign.methods.grad_ascent import GradAscent
from benign.models.change import parameters
from benign.models.delta import load_delta
from benign.models.load import load
from benign.models.save import save
from benign.report.in_turn import curves, goal, picture, write_in_turn
from tests import toys

ASCENT = GradAscent(optim=Optim(lr=1e-2, epochs=None, steps=2))
ROWS = 4


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    place = tmp_path_factory.mktemp("models")
    return str(toys.text_model(place / "one")), str(toys.text_model(place / "other", seed=1))


def requests(count: int) -> tuple[Data, ...]:
    forget = [record for record in toys.data().forget if record.question]
    return tuple(replace(toys.data(), forget=(forget[i % len(forget)],)) for i in range(count))


def silent(what: str, done: int, total: int) -> None: ...


def met(model: str, place: Path, count: int, told: list[str] | None = None) -> dict[str, torch.Tensor]:
    """All weights as they are deployed after so many requests."""

    def report(what: str, *_: int) -> None:
        if told is not None:
            told.append(what)

    found = forgotten(model, requests(count), ASCENT, name="ascent", seed=3, chain=place, report=report)
    with stacked(found.system.model, found.system.deltas):
        return {name: weight.detach().clone() for name, weight in parameters(found.system.model.module).items()}


def test_each_request_is_met_on_the_last_ones_model(models: tuple[str, str], tmp_path: Path) -> None:
    # By hand: unlearn, write the whole model, unlearn that one.
    place: str = models[0]
    for number, data in enumerate(requests(3)):
        model = load(place)
        result = unlearn(model, data, method=ASCENT, out=tmp_path / f"hand{number}", seed=3)
        assert result.adapter is not None
        place = str(tmp_path / f"whole{number}")
        save(model, Path(place), delta=load_delta(result.adapter, model))
    wanted = {name: weight.detach() for name, weight in parameters(load(place).module).items()}
    got = met(models[0], tmp_path / "chain", 3)
    assert got.keys() == wanted.keys()
    for name, weight in wanted.items():
        torch.testing.assert_close(got[name], weight, rtol=0, atol=1e-6)
    alone = met(models[0], tmp_path / "alone", 1)
    assert any(not torch.equal(alone[name], got[name]) for name in alone)


def test_a_row_that_was_killed_goes_on_and_a_longer_one_meets_only_what_is_new(
    models: tuple[str, str], tmp_path: Path
) -> None:
    whole = met(models[0], tmp_path / "whole", 3)
    met(models[0], tmp_path / "parts", 2)
    # As if the process had died before the model behind the first request was there.
    for folder in (tmp_path / "parts").glob("1-model-*"):
        shutil.rmtree(folder)
    told: list[str] = []
    parts = met(models[0], tmp_path / "parts", 3, told)
    assert all(torch.equal(parts[name], whole[name]) for name in whole)
    again: list[str] = []
    met(models[0], tmp_path / "parts", 3, again)
    assert told and not again


def test_a_filter_has_no_model_for_the_next_request(models: tuple[str, str], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no change of the weights"):
        forgotten(models[0], requests(2), ECO(strength=5.0), name="eco", seed=0, chain=tmp_path, report=silent)


def board(met: int, **values: float) -> Scoreboard:
    rows = [Row(name, {"knowmem_f": Score(value, value, value, 9)}, 1.0, 1.0, 0) for name, value in values.items()]
    return Scoreboard("m", f"{met} requests", tuple(rows))


BOARDS = {n: board(n, original=0.9, retrained=0.3, npo=0.9 - 0.2 * n, idk=0.5) for n in (2, 1, 3)}


def test_the_table_has_a_line_per_request_and_the_references_one() -> None:
    lines = in_turn(BOARDS, {"knowmem_f": "KnowMem", "verbmem_f": "VerbMem"}).splitlines()
    assert lines[2:] == [
        "| `original` | 0 | 0.90 |  | 1 |",
        "| `retrained` |  | 0.30 |  | 1 |",
        "| `npo` | 1 | 0.70 |  | 1 |",
        "| `npo` | 2 | 0.50 |  | 1 |",
        "| `npo` | 3 | 0.30 |  | 1 |",
        *(f"| `idk` | {n} | 0.50 |  | 1 |" for n in (1, 2, 3)),
    ]


def test_the_picture_begins_at_the_original_and_says_what_it_shows(tmp_path: Path) -> None:
    npo, idk = curves(BOARDS, "knowmem_f")
    assert [round(npo.points[n].value, 2) for n in (0, 1, 2, 3)] == [0.9, 0.7, 0.5, 0.3]
    assert (idk.method, goal(BOARDS, "knowmem_f"), goal(BOARDS, "verbmem_f")) == ("idk", 0.3, None)
    assert "KnowMem, npo: 0.90, 0.70, 0.50, 0.30" in picture(BOARDS, {"knowmem_f": "KnowMem"})
    page = write_in_turn(BOARDS, {"knowmem_f": "<b>"}, tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 1 and "<b>" not in page and "http" not in page.replace("http-equiv", "")
    assert page.count("<td>0.30</td>") == 3, "npo's third request, and the retrained model beside both"


def test_the_command_runs_them_from_files_to_table_and_picture(
    models: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "Settings", lambda **given: Settings(attacks=(), **given))
    tables = catalogue.find("muse-requests").module.tables("requests")
    write_tables(tmp_path / "data", {name: rows[:ROWS] for name, rows in tables.items()})
    out = tmp_path / "out"
    save_experiment(tmp_path / "wanted", Experiment("muse-requests", "grad_ascent", ASCENT, (1, 2), (0,)))
    words = ["bench", "--experiments", str(tmp_path / "wanted"), "--out", str(out), "--json", "-q"]
    words += ["--data", str(tmp_path / "data"), "--model", models[0], "--retrained", models[1]]
    assert main(words) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["failed"] == [] and [b["benchmark"] for b in said["scoreboards"]] == [
        "MUSE-News, 1 of 4 requests in a row", "MUSE-News, 2 of 4 requests in a row"
    ]  # fmt: skip
    first, second = ({row["method"]: row["metrics"] for row in b["rows"]} for b in said["scoreboards"])
    assert first["original"] == second["original"] and first["retrained"]["privleak"] == 0
    assert second["grad_ascent"]["memory_probability"] < first["grad_ascent"]["memory_probability"]
    [page] = said["pages"]
    folder = Path(page).parent
    assert "requests met" in Path(page).read_text(encoding="utf-8")
    assert [line.split("|")[1:3] for line in (folder / "requests.md").read_text(encoding="utf-8").splitlines()[2:]] == [
        [" `original` ", " 0 "], [" `retrained` ", "  "], [" `grad_ascent` ", " 1 "], [" `grad_ascent` ", " 2 "]
    ]  # fmt: skip
    before = (folder / "grad_ascent.json").read_bytes()
    assert main(words) == 0 and (folder / "grad_ascent.json").read_bytes() == before
