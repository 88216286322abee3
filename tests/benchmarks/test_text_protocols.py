"""The text benchmarks end to end: from files in the published form to table, experiment and result."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from benign.audit.score import Row, Score
from benign.benchmarks import catalogue, run
from benign.benchmarks.experiment import Experiment, read_experiments
from benign.benchmarks.protocol import Brought
from benign.benchmarks.published import write_tables
from benign.engine.recipe import Optim
from benign.methods.grad_ascent import GradAscent
from tests import toys

ROOT = Path(__file__).parents[2]
ROWS = 6
"""Of each table that the tiny model is asked."""
ASCENT = GradAscent(optim=Optim(lr=1e-2, epochs=None, steps=2))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    place = tmp_path_factory.mktemp("models")
    return str(toys.text_model(place / "one")), str(toys.text_model(place / "other", seed=1))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "Settings", lambda **given: Settings(attacks=(), **given))


Settings = run.Settings


def ran(name: str, models: tuple[str, str], place: Path) -> dict[str, Row]:
    """The rows of a benchmark's first setting, on its first rows and the tiny models."""
    suite = catalogue.find(name)
    tables = suite.module.tables(*suite.variant)
    write_tables(place / "data", {table: rows[:ROWS] for table, rows in tables.items()})
    setting, told = suite.usual[0], []
    brought = Brought(str(place / "data"), *models)
    wanted = (Experiment(name, "grad_ascent", ASCENT, (setting,), (0,)),)
    found = run.run_bench(wanted, out=place / "out", brought=brought)[name]
    again = run.run_bench(wanted, out=place / "out", brought=brought, progress=lambda *said: told.append(said))[name]
    assert found.failures == again.failures == () and told == [] and again.boards == found.boards
    results = place / "out" / f"own-{brought.digest}"
    lines = (results / name / f"{setting:02d}" / "table.md").read_text(encoding="utf-8").splitlines()
    assert lines[0].split(" | ")[1:-2] == list(suite.protocol(setting).shown.values())
    assert [line.split("`")[1] for line in lines[2:]] == ["original", "retrained", "grad_ascent"]
    measured = json.loads((results / name / "grad_ascent.json").read_text(encoding="utf-8"))
    assert [one["row"]["method"] for one in measured["measured"]] == ["grad_ascent"]
    assert read_experiments(results / "experiments") == wanted
    return {row.method: row for row in found.boards[setting].rows}


def score(row: Row, name: str) -> Score:
    found = row.metrics[name]
    assert isinstance(found, Score), f"{row.method}, {name}: {found}"
    return found


def test_tofu(models: tuple[str, str], tmp_path: Path, quick: None) -> None:
    rows = ran("tofu", models, tmp_path)
    assert score(rows["retrained"], "forget_quality").value == 1, "the same model's truth ratios"
    assert score(rows["retrained"], "forget_quality_log10").value == 0
    for row in rows.values():
        assert score(row, "truth_ratio").n == score(row, "memory_rouge").n == ROWS
        assert score(row, "model_utility").value >= 0 and 0 <= score(row, "membership_auc").value <= 1
    before, after = (score(rows[name], "memory_probability").value for name in ("original", "grad_ascent"))
    assert after < before, "ascent makes the answers less likely"


def test_muse(models: tuple[str, str], tmp_path: Path, quick: None) -> None:
    rows = ran("muse-news", models, tmp_path)
    assert score(rows["retrained"], "privleak").value == 0, "nothing leaks beside itself"
    for name in ("verbmem_f", "knowmem_f", "knowmem_r"):
        assert {score(row, name).n for row in rows.values()} == {ROWS}
    assert score(rows["grad_ascent"], "privleak") != score(rows["original"], "privleak")


def test_wmdp(models: tuple[str, str], tmp_path: Path, quick: None) -> None:
    rows = ran("wmdp-bio", models, tmp_path)
    for row in rows.values():
        # The tiny tokenizer knows no letter: to a model that cannot tell A from D all are alike.
        assert (score(row, "wmdp_accuracy").value, score(row, "wmdp_accuracy").n) == (0.25, ROWS)
        assert (score(row, "mmlu_accuracy").value, score(row, "mmlu_accuracy").n) == (0.25, ROWS)


def test_rwku(models: tuple[str, str], tmp_path: Path, quick: None) -> None:
    rows = ran("rwku", models, tmp_path)
    for row in rows.values():
        for column in catalogue.find("rwku").protocol(1).columns:
            assert score(row, column.name).n == ROWS, column.name
        assert score(row, "utility_general").value == 0.25
    before, after = (score(rows[name], "mia_forget_loss").value for name in ("original", "grad_ascent"))
    assert after > before, "ascent makes the texts less likely"


def test_blur(models: tuple[str, str], tmp_path: Path, quick: None) -> None:
    rows = ran("blur-tofu", models, tmp_path)
    for name in ("blur_forget_alone", "blur_retain_alone"):
        assert score(rows["original"], name).value == 1, "the original is compared with itself"
        assert score(rows["retrained"], name).value < 1
    assert 0 <= score(rows["original"], "blur_retain_combined").value <= 1


def start(out: Path) -> subprocess.Popen[bytes]:
    words = ["bench", "tofu", "--ratios", "1", "--methods", "grad_diff,npo", "--seeds", "1", "--out", str(out), "-q"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    return subprocess.Popen([sys.executable, "-m", "benign", *words, "--json"], env=environment, stdout=subprocess.PIPE)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_tofu_on_the_embedded_language_model_resumes_after_a_kill_and_its_numbers_make_sense(tmp_path: Path) -> None:
    first = tmp_path / "tofu" / "grad_diff.json"
    with start(tmp_path) as process:
        while not first.exists() or not (tmp_path / "tofu" / "01" / "runs" / "npo-0").exists():
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    before = first.read_bytes()
    with start(tmp_path) as again:
        said: Any = json.loads(again.communicate()[0])
    assert again.returncode == 0 and said["failed"] == [] and first.read_bytes() == before
    [board] = said["scoreboards"]
    rows = {row["method"]: row["metrics"] for row in board["rows"]}
    assert list(rows) == ["original", "retrained", "grad_diff", "npo"]
    assert rows["original"]["memory_exact"] == 1 and rows["retrained"]["memory_exact"] <= 0.1
    assert rows["retrained"]["forget_quality"] == 1 and rows["original"]["forget_quality"] < 0.05
    assert rows["original"]["model_utility"] > 0.6 and rows["retrained"]["model_utility"] > 0.6
    assert rows["npo"]["memory_exact"] < 0.5 and rows["npo"]["forget_quality"] > rows["original"]["forget_quality"]
    assert {one.name for one in read_experiments(tmp_path / "experiments")} == {"grad_diff", "npo"}
    assert len((tmp_path / "tofu" / "01" / "table.md").read_text(encoding="utf-8").splitlines()) == 6
