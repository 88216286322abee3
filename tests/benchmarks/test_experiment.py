"""Experiment files: what is written is read, what is wrong is named by file and field, what is there is not run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benign.audit.run import Settings
from benign.audit.score import Row, Score, Scoreboard
from benign.audit.scoreboard import load
from benign.benchmarks import run, smllmun
from benign.benchmarks.benchmark import Benchmark
from benign.benchmarks.experiment import Experiment, as_text, read_experiment, read_experiments
from benign.benchmarks.presets import EMBEDDED, MEASURED
from benign.benchmarks.protocol import Brought
from benign.benchmarks.results import (
    Measured,
    load_measured,
    load_references,
    save_measured,
    save_references,
    scoreboards,
)
from benign.benchmarks.run import experiments_of, run_bench
from benign.errors import UserError
from benign.methods.npo import NPO
from tests import toys
from tests.benchmarks.tiny import FAILS, METHODS, Tiny

ROOT = Path(__file__).parents[2]
GOOD: dict[str, Any] = {
    "benchmark": "smllmun",
    "settings": [5],
    "seeds": [0, 1],
    "method": {"part": "benign.methods.npo:NPO", "beta": 0.3},
}


def written(folder: Path, content: Any, name: str = "npo") -> Path:
    path = folder / "smllmun" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def row(method: str, seed: int, value: float = 0.5) -> Row:
    return Row(method, {"general": Score(value, 0.0, 1.0, 3)}, 1.0, 2.0, seed)


def test_what_a_file_leaves_out_has_the_methods_default(tmp_path: Path) -> None:
    found = read_experiment(written(tmp_path, GOOD))
    assert found == Experiment("smllmun", "npo", NPO(beta=0.3), (5,), (0, 1))


def test_every_method_of_the_embedded_models_survives_its_file(tmp_path: Path) -> None:
    for name, method in EMBEDDED.items():
        one = Experiment("smllmun", name, method, (5, 10), (0, 1, 2))
        assert read_experiment(written(tmp_path, as_text(one), name)) == one


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seeds": None}, "npo.json: seeds: missing"),
        ({"seeds": [0, 0]}, "npo.json: seeds: [0, 0] is not a list of different whole numbers"),
        ({"seeds": []}, "npo.json: seeds"),
        ({"settings": "5"}, 'npo.json: settings: "5" is not a list'),
        ({"settings": [True]}, "npo.json: settings"),
        ({"benchmark": "tofu"}, "npo.json: benchmark: 'tofu' lies in the folder 'smllmun'"),
        ({"method": "npo"}, "npo.json: method: not a method"),
        ({"method": {"part": "os:system"}}, "npo.json: method: not a method"),
        ({"method": {"part": "benign.methods.npo:NPO", "bete": 1}}, "npo.json: method: "),
        ({"method": {"part": "benign.methods.np:NPO"}}, "npo.json: method: no part"),
        ({"sedes": [1]}, "npo.json: unknown field 'sedes' (did you mean 'seeds'?"),
    ],
)
def test_what_is_wrong_is_named_by_file_and_field(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    content = {name: value for name, value in (GOOD | change).items() if value is not None}
    path = written(tmp_path, content)
    with pytest.raises(UserError) as error:
        read_experiment(path)
    assert said in error.value.line() and "\n" not in error.value.line()


def test_files_that_are_no_json_and_folders_without_any_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not valid JSON"):
        read_experiment(written(tmp_path, "{"))
    with pytest.raises(UserError, match="not an object"):
        read_experiment(written(tmp_path, []))
    with pytest.raises(UserError, match="no experiments"):
        read_experiments(tmp_path / "nowhere")


def test_the_digest_is_of_benchmark_and_numbers_and_not_of_seeds() -> None:
    one = Experiment("smllmun", "npo", NPO(), (5,), (0,))
    assert one.digest == replace(one, seeds=(0, 1, 2), settings=(5, 10), name="other").digest
    assert len({one.digest, replace(one, method=NPO(beta=0.2)).digest, replace(one, benchmark="x").digest}) == 3


def test_results_are_read_back_and_those_of_a_changed_experiment_are_not(tmp_path: Path) -> None:
    one = Experiment("smllmun", "npo", NPO(), (5,), (0, 1))
    rows = (Measured(5, row("npo", 0), "0.1.0"), Measured(10, row("npo", 0), "0.0.9"))
    save_measured(tmp_path, one, reversed(rows))
    assert load_measured(tmp_path, one) == rows
    assert load_measured(tmp_path, replace(one, method=NPO(beta=0.2))) == ()
    assert load_measured(tmp_path, replace(one, name="other")) == ()
    (tmp_path / "smllmun" / "npo.json").write_text("[1]")
    with pytest.raises(UserError, match=r"npo\.json: not a file of results"):
        load_measured(tmp_path, one)


def test_scoreboards_join_references_and_methods_per_setting(tmp_path: Path) -> None:
    for setting in (10, 5):
        board = Scoreboard("m", f"b {setting}", (row("original", 0), row("retrained", 0)), Score(0.8, 0.7, 0.9, 4))
        save_references(tmp_path, "smllmun", setting, board)
    for name in ("abc", "npo"):
        one = Experiment("smllmun", name, NPO(), (5,), (0, 1))
        save_measured(tmp_path, one, [Measured(5, row(name, seed), "0.1.0") for seed in (1, 0)])
    boards = scoreboards(tmp_path, "smllmun", order=("npo",))
    assert [(r.method, r.seed) for r in boards[5].rows] == [
        ("original", 0), ("retrained", 0), ("npo", 0), ("npo", 1), ("abc", 0), ("abc", 1)
    ]  # fmt: skip
    assert len(boards[10].rows) == 2 and boards[10].gap == Score(0.8, 0.7, 0.9, 4)
    assert list(load_references(tmp_path, "smllmun")) == [5, 10]


def test_the_experiments_in_git_are_the_tuned_methods_and_their_results_are_there() -> None:
    experiments = read_experiments(ROOT / "benches" / "experiments")
    found = {experiment.name: experiment for experiment in experiments if experiment.benchmark == "smllmun"}
    tuned = {experiment.name: experiment for experiment in experiments_of("smllmun", None, (5, 10), (0, 1, 2))}
    assert {name: found[name] for name in MEASURED} == tuned, "a preset was changed: measure its experiment again"
    for experiment in experiments:
        there = {(m.setting, m.row.seed) for m in load_measured(ROOT / "benches" / "results", experiment)}
        assert there == {(setting, seed) for setting in experiment.settings for seed in experiment.seeds}


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    base = str(toys.text_model(tmp_path / "base"))

    def protocol(setting: int, brought: Brought) -> Benchmark:
        return Tiny(base)

    monkeypatch.setattr(smllmun, "protocol", protocol)
    monkeypatch.setattr(run, "Settings", lambda **given: Settings(attacks=(), **given))


def test_what_is_missing_is_run_and_what_is_there_is_not(tiny: None, tmp_path: Path) -> None:
    out = tmp_path / "results"
    told: list[str] = []

    def bench(seeds: tuple[int, ...], *names: str) -> run.Bench:
        told.clear()
        made = [Experiment("smllmun", n, (METHODS | {"bad": FAILS})[n], (5,), seeds) for n in names]
        return run_bench(made, out=out, progress=lambda what, *_: told.append(what))["smllmun"]

    first = bench((0,), "idk", "bad")
    assert [failure.cell.name for failure in first.failures] == ["bad"]
    assert [(r.method, r.seed) for r in first.boards[5].rows] == [("original", 0), ("idk", 0)]
    table = (out / "smllmun" / "05" / "table.md").read_text()
    assert "`idk`" in table and "`bad`" not in table
    assert load(out / "smllmun" / "05" / "scoreboard.json").rows == first.boards[5].rows
    before = (out / "smllmun" / "idk.json").read_bytes()
    assert bench((0,), "idk").boards == first.boards and told == []
    assert (out / "smllmun" / "idk.json").read_bytes() == before
    second = bench((0, 1), "idk", "npo")
    kept = {one.name: one for one in read_experiments(out / "experiments")}
    assert (kept["idk"].method, kept["idk"].settings, kept["idk"].seeds) == (METHODS["idk"], (5,), (0, 1))
    assert kept["npo"].seeds == (0, 1) and kept["bad"].seeds == (0,)
    assert "05/npo-1: train npo" in told and not any(what.startswith("05/idk-0") for what in told)
    assert [(r.method, r.seed) for r in second.boards[5].rows[1:]] == [("npo", 0), ("npo", 1), ("idk", 0), ("idk", 1)]
