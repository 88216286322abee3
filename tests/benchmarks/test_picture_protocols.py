"""Benchmarks with pictures end to end: published files, the embedded model, table, experiment and result."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benign.audit.score import Row, Score
from benign.benchmarks import catalogue, run
from benign.benchmarks.experiment import Experiment
from benign.benchmarks.fiu_tables import pictures
from benign.benchmarks.protocol import Brought
from benign.benchmarks.published import Row as Given
from benign.benchmarks.published import write_tables
from benign.engine.recipe import Optim
from benign.methods.grad_ascent import GradAscent

ASCENT = GradAscent(optim=Optim(lr=1e-2, epochs=None, steps=2))
Settings = run.Settings


def cut(name: str, rows: list[Any]) -> list[Given]:
    """One row of each table; of FIUBench's one file, one person of each set."""
    if name == "split":
        [split] = rows
        return [{group: ids[:1] for group, ids in split.items()}]
    return rows if name == "full" else rows[:1]


def ran(name: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Row]:
    monkeypatch.setattr(run, "Settings", lambda **given: Settings(attacks=(), **given))
    suite = catalogue.find(name)
    tables = suite.module.tables(*suite.variant)
    small = {table: cut(table, list(rows)) for table, rows in tables.items() if "15/" not in table}
    write_tables(place / "data", small, pictures() if name == "fiubench" else None)
    brought = Brought(str(place / "data"), "embedded:vlm", "embedded:vlm-retrained-05")
    setting, told = suite.settings[0], list[object]()
    wanted = (Experiment(name, "grad_ascent", ASCENT, (setting,), (0,)),)
    found = run.run_bench(wanted, out=place / "out", brought=brought)[name]
    again = run.run_bench(wanted, out=place / "out", brought=brought, progress=lambda *said: told.append(said))[name]
    assert found.failures == again.failures == () and told == [] and again.boards == found.boards
    results = place / "out" / f"own-{brought.digest}" / name
    lines = (results / f"{setting:02d}" / "table.md").read_text(encoding="utf-8").splitlines()
    assert lines[0].split(" | ")[1:-2] == list(suite.protocol(setting, brought).shown.values())
    measured = json.loads((results / "grad_ascent.json").read_text(encoding="utf-8"))
    assert [one["row"]["method"] for one in measured["measured"]] == ["grad_ascent"]
    return {row.method: row for row in found.boards[setting].rows}


def value(row: Row, name: str) -> float:
    found = row.metrics[name]
    assert isinstance(found, Score), f"{row.method}, {name}: {found}"
    return found.value


def test_umu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = ran("umu", tmp_path, monkeypatch)
    assert list(rows) == ["original", "retrained", "grad_ascent"]
    for group in ("forget", "retain", "real"):
        for task in ("choice", "gap", "answer"):
            assert 0 <= value(rows["original"], f"umu_{group}_{task}") <= 1
    assert value(rows["original"], "umu_forget_choice_text") > value(rows["retrained"], "umu_forget_choice_text")


def test_fiubench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = ran("fiubench", tmp_path, monkeypatch)
    for name in ("fiu_keywords", "fiu_reworded", "fiu_min_k"):
        assert value(rows["original"], name) > 0.8 > 0.3 > value(rows["retrained"], name), name
    assert value(rows["original"], "fiu_rouge") == 1 and value(rows["original"], "fiu_judge") == 10
    assert value(rows["retrained"], "forget_quality_log10") == 0 > value(rows["original"], "forget_quality_log10")
    assert value(rows["grad_ascent"], "fiu_min_k") < value(rows["original"], "fiu_min_k"), "ascent makes it less likely"


def test_medforget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = ran("medforget-patient", tmp_path, monkeypatch)
    assert value(rows["original"], "medforget_forget_generation") == 1
    assert value(rows["retrained"], "medforget_forget_generation") < 1
    assert value(rows["original"], "medforget_siblings") > 0.3
