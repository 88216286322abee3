from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from audit.inner import data, served, silent
from benign.audit import scoreboard
from benign.audit.diagnose import diagnose
from benign.audit.diagnostics.catalogue import names
from benign.audit.run import Audit, Candidate
from benign.audit.score import Row, Score, Scoreboard
from benign.engine.serve import Served
from benign.errors import NotMeasured
from benign.models.delta import Delta

NAMES = ("depth", "lens", "grad_norm")


def audit(folder: Path, systems: dict[str, Served]) -> Audit:
    candidates = tuple(Candidate(name, system) for name, system in systems.items())
    rows = tuple(Row(name, {"seen": Score(0.5, 0.4, 0.6, 3)}, 0.0, 0.0, 0) for name in systems)
    return Audit(Scoreboard("m", "", rows), {}, candidates, data(), folder)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Served]:
    folder = tmp_path_factory.mktemp("models")
    return served(folder, 0), served(folder, 1), served(folder, 2)


def test_every_row_has_its_numbers_beside_what_it_had(tmp_path: Path, models: Sequence[Served]) -> None:
    systems = dict(zip(("original", "retrained", "npo"), models, strict=True))
    found = diagnose(audit(tmp_path, systems), NAMES, silent)
    values = {row.method: row.value("diagnostic_depth") for row in found.scoreboard.rows}
    assert values["original"] == 0 and values["retrained"] == pytest.approx(1, abs=1e-5)
    assert values["npo"] is not None and 0 < values["npo"] < 1, "a third random model is neither"
    assert scoreboard.load(tmp_path / "scoreboard.json") == found.scoreboard
    assert all(set(row.metrics) == {"seen", *(f"diagnostic_{n}" for n in NAMES)} for row in found.scoreboard.rows)
    assert found.inside["npo"]["depth"].layers == diagnose(found, NAMES, silent).inside["npo"]["depth"].layers
    told = json.loads((tmp_path / "diagnostics.json").read_text())["rows"][2]
    assert told["method"] == "npo" and len(told["diagnostics"]["lens"]["layers"]["unlearned"]) == 2


def test_what_was_made_is_read(tmp_path: Path, models: Sequence[Served]) -> None:
    """A number changed on the disk comes back for the same weights, and only for them."""
    systems = {"original": models[0], "npo": models[2]}
    first = diagnose(audit(tmp_path, systems), ("grad_norm",), silent)
    kept = sorted((tmp_path / "diagnostics").iterdir())
    assert len(kept) == 2
    for path in kept:
        path.write_text('{"score": {"value": 7.0, "low": 7.0, "high": 7.0, "n": 1}, "layers": {}}')
    again = diagnose(audit(tmp_path, systems), ("grad_norm",), silent)
    assert [row.value("diagnostic_grad_norm") for row in again.scoreboard.rows] == [7.0, 7.0]
    other = diagnose(audit(tmp_path, {**systems, "npo": models[1]}), ("grad_norm",), silent)
    assert other.scoreboard.rows[1].value("diagnostic_grad_norm") not in (7.0, None)
    assert first.scoreboard.rows[0].value("diagnostic_grad_norm") != 7.0


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", '{"score": {"low": 1.0}, "layers": {}}', '{"score": 3, "layers": 4}']
)
def test_a_damaged_file_is_made_again(damage: str, tmp_path: Path, models: Sequence[Served]) -> None:
    made = audit(tmp_path, {"original": models[0], "npo": models[2]})
    first = diagnose(made, ("grad_norm",), silent)
    for path in (tmp_path / "diagnostics").iterdir():
        path.write_text(damage)
    again = diagnose(made, ("grad_norm",), silent)
    assert again.scoreboard == first.scoreboard
    assert not [path for path in (tmp_path / "diagnostics").iterdir() if path.read_text() == damage]


def test_without_a_retrained_model_it_is_said(tmp_path: Path, models: Sequence[Served]) -> None:
    found = diagnose(audit(tmp_path, {"original": models[0], "npo": models[2]}), ("depth",), silent)
    assert found.scoreboard.rows[1].metrics["diagnostic_depth"] == NotMeasured("no retrained model given")


def test_a_broken_model_is_not_measured_and_stops_nothing(tmp_path: Path, models: Sequence[Served]) -> None:
    original, retrained, _ = models
    name, weight = next(iter(original.model.module.named_parameters()))
    broken = Served(original.model, (Delta({name: torch.full_like(weight, torch.nan)}),))
    systems = {"original": original, "retrained": retrained, "broken": broken}
    found = diagnose(audit(tmp_path, systems), names(), silent)
    scores = found.scoreboard.rows[2].metrics
    assert [name for name in names() if not isinstance(scores[f"diagnostic_{name}"], NotMeasured)] == []
    assert set(found.inside["broken"]["lens"].layers["unlearned"]) == {None}
    assert "NaN" not in (tmp_path / "diagnostics.json").read_text()
