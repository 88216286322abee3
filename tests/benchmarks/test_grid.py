"""A grid of runs: what fails loses nothing else, what was killed goes on, workers change no bit."""

from __future__ import annotations

import builtins
import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from benign.audit.comparison import compare, open_side
from benign.audit.score import Row
from benign.audit.scoreboard import as_json, load
from benign.benchmarks.grid import Cell, gpu_share, references, run_cell, run_grid
from benign.errors import UserError
from tests import toys
from tests.benchmarks.tiny import cells, how

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(toys.text_model(tmp_path_factory.mktemp("grid") / "base"))


def ran(base: str, place: Path, *, workers: int = 1, failing: bool = False) -> tuple[dict[str, Row], dict[str, str]]:
    found: dict[str, Row] = {}

    def done(cell: Cell, row: Row) -> None:
        found[str(cell)] = row

    grid = cells(base, place, failing=failing)
    references(grid[0].bench, place, how(), lambda *_: None)
    failures = run_grid(grid, how(workers), done=done, report=lambda *_: None)
    return found, {str(failure.cell): failure.error for failure in failures}


def outcome(place: Path) -> dict[str, Any]:
    """All weights' digests and all numbers of a grid but what a clock decides."""
    weights = {
        str(path.relative_to(place)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(place.glob("runs/*/adapter/*.safetensors"))
    }
    numbers = {}
    for path in sorted(place.glob("audits/*/scoreboard.json")):
        rows = as_json(load(path))["rows"]
        numbers[path.parent.name] = [{k: v for k, v in row.items() if k not in ("seconds", "peak_rss_mb")}
                                     for row in rows]  # fmt: skip
    return {"weights": weights, "numbers": numbers}


def start(base: str, place: Path, workers: int) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    command = [sys.executable, "-m", "tests.benchmarks.tiny", base, str(place), str(workers)]
    return subprocess.Popen(
        command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )


def test_a_cell_that_fails_loses_no_other_and_is_told(base: str, tmp_path: Path) -> None:
    found, failed = ran(base, tmp_path / "05", failing=True)
    assert list(found) == ["05/idk-0", "05/idk-1", "05/npo-0", "05/npo-1"]
    assert set(failed) == {"05/grad_ascent-0", "05/grad_ascent-1"}
    assert "not finite" in failed["05/grad_ascent-0"] and "\n" not in failed["05/grad_ascent-0"]
    assert [(row.method, row.seed) for row in found.values()] == [("idk", 0), ("idk", 1), ("npo", 0), ("npo", 1)]
    assert found["05/idk-0"].metrics != found["05/idk-1"].metrics, "another seed is another run"


def test_progress_runs_over_the_grid_and_the_callers_threads_come_back(base: str, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    grid = cells(base, tmp_path / "05", seeds=1)
    before = torch.get_num_threads()
    run_grid(grid, how(), done=lambda *_: None, report=lambda *said: told.append(said))
    assert [said for said in told if said[0] == "grid"] == [("grid", 1, 2), ("grid", 2, 2)]
    assert ("05/npo-0: train npo", 4, 4) in told
    assert torch.get_num_threads() == before


def test_a_finished_cell_is_taken_and_a_changed_one_is_not(base: str, tmp_path: Path) -> None:
    [one, *_] = cells(base, tmp_path / "05")
    first = run_cell(one, how(), lambda *_: None)
    told: list[str] = []
    assert run_cell(one, how(), lambda what, *_: told.append(what)).metrics == first.metrics and told == []
    again = Cell(one.bench, one.place, one.name, cells(base, tmp_path)[2].method, one.seed)
    with pytest.raises(UserError, match="holds another run"):
        run_cell(again, how(), lambda *_: None)


def test_the_cells_audits_can_be_compared(base: str, tmp_path: Path) -> None:
    ran(base, tmp_path / "05")
    sides = [open_side(str(tmp_path / "05" / "audits" / name)) for name in ("idk-0", "npo-0")]
    assert compare(*sides).n > 0
    keys = [path.name for path in (tmp_path / "05" / "observations").iterdir()]
    assert len(keys) == 5, "the original is asked once, not once per cell"


def test_without_ray_the_message_names_the_extra(base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "ray":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match=r"--workers: ray is not installed \(pip install 'benign\[ray\]'\)"):
        run_grid(cells(base, tmp_path / "05"), how(2), done=lambda *_: None, report=lambda *_: None)


@pytest.mark.parametrize(("workers", "gpus", "share"), [(4, 0, 0.0), (2, 4, 1.0), (4, 4, 1.0), (5, 2, 1 / 3)])
def test_every_worker_gets_its_share_of_a_gpu(workers: int, gpus: int, share: float) -> None:
    assert gpu_share(workers, gpus) == share
    assert not gpus or gpus * int(1 / share + 1e-9) >= workers


@pytest.mark.slow
def test_a_killed_grid_goes_on_where_it_stopped(base: str, tmp_path: Path) -> None:
    with start(base, tmp_path / "killed", 1) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("killed/npo-0: train npo 2"):
                process.send_signal(signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL
    with start(base, tmp_path / "killed", 1) as again:
        said = again.communicate()[0]
    assert "idk-0: train" not in said and "npo-1: train" in said, "only what was missing is trained"
    assert said.count("done ") == 4
    ran(base, tmp_path / "straight")
    assert outcome(tmp_path / "killed") == outcome(tmp_path / "straight")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_workers_change_no_bit_and_a_killed_parallel_grid_goes_on(base: str, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    with start(base, tmp_path / "killed", 2) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("done"):
                process.send_signal(signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL
    with start(base, tmp_path / "killed", 2) as again:
        said = again.communicate()[0]
    assert again.returncode == 0 and said.count("done ") == 4 and "grid 6 6" in said
    assert set(json.loads(said.splitlines()[-1])) == {"killed/grad_ascent-0", "killed/grad_ascent-1"}
    ran(base, tmp_path / "straight", failing=True)
    assert outcome(tmp_path / "killed") == outcome(tmp_path / "straight")
