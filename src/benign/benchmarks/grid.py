"""Many runs of a benchmark, in turn or several at once on Ray: what is done is kept, what fails is told."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch

import benign
from benign.audit.run import Candidate, Settings, audit
from benign.audit.score import Row, Scoreboard
from benign.audit.scoreboard import load as load_scoreboard
from benign.audit.scoreboard import save
from benign.benchmarks.benchmark import Benchmark
from benign.benchmarks.in_turn import InTurn, forgotten
from benign.benchmarks.protocol import with_columns
from benign.data.atomic import write_text
from benign.engine import canonical
from benign.engine.recipe import Method
from benign.engine.train import Report
from benign.engine.unlearn import unlearn
from benign.errors import UserError
from benign.models.load import load


@dataclass(frozen=True)
class Cell:
    """One run of the grid."""

    bench: Benchmark
    place: Path
    """The folder of the benchmark's setting, shared by its cells."""
    name: str
    method: Method
    seed: int

    def __str__(self) -> str:
        return f"{self.place.name}/{self.name}-{self.seed}"

    @property
    def folder(self) -> Path:
        """The cell's audit."""
        return self.place / "audits" / f"{self.name}-{self.seed}"


@dataclass(frozen=True)
class Failure:
    """A cell that did not end, and why in one line."""

    cell: Cell
    error: str


@dataclass(frozen=True)
class How:
    """How a grid is run; none of it but ``threads`` and ``settings`` can change a number."""

    settings: Settings = Settings()
    workers: int = 1
    """Runs at a time; more than one needs Ray."""
    threads: int = 1
    """Processor threads of each run. The last digits of a result depend on it, so it does not follow ``workers``."""


Done = Callable[[Cell, Row], None]


def run_grid(cells: Sequence[Cell], how: How, *, done: Done, report: Report) -> tuple[Failure, ...]:
    """Run the cells, hand each row over as soon as it is there, and return the cells that failed.

    A cell that was finished before is not run again; a killed one goes on where it stopped.

    Raises:
        UserError: Ray is not installed and several workers are asked for.
    """
    failures = []
    answers = _on_ray(cells, how) if how.workers > 1 else _in_turn(cells, how, report)
    for count, (cell, outcome) in enumerate(answers, 1):
        if isinstance(outcome, str):
            failures.append(Failure(cell, outcome))
        else:
            done(cell, outcome)
        report("grid", count, len(cells))
    return tuple(failures)


def references(bench: Benchmark, place: Path, how: How, report: Report) -> Scoreboard:
    """The original's and the retrained model's rows; their answers are what every cell of the setting shares."""
    found = _Kept(place / "audits" / "references", _key(bench, how))
    board = found.read()
    if board is None:
        with _threads(how.threads):
            board = _audit(bench, place, "references", (), how, report)
        found.write(board)
    return board


def run_cell(cell: Cell, how: How, report: Report) -> Row:
    """Unlearn and audit, or take the finished row."""
    found = _Kept(cell.folder, _key(cell.bench, how, cell.method, cell.seed))
    board = found.read()
    if board is None:
        with _threads(how.threads):
            made = _unlearned(cell, report)
            board = _audit(cell.bench, cell.place, f"{cell.name}-{cell.seed}", (made,), how, report)
        board = replace(board, rows=board.rows[-1:])
        found.write(board)
    return board.rows[-1]


def _unlearned(cell: Cell, report: Report) -> Path | Candidate:
    """The cell's finished run; where requests come in turn, the system that they left."""
    bench, original = cell.bench, str(cell.bench.original)
    if isinstance(bench, InTurn):
        chain = cell.place.parent / "requests" / f"{cell.name}-{cell.seed}"
        return forgotten(
            original, bench.met(), cell.method, name=cell.name, seed=cell.seed, chain=chain, report=report
        )  # fmt: skip
    runs = cell.place / "runs"
    result = unlearn(
        original,
        bench.data(),
        method=cell.method,
        out=runs / f"{cell.name}-{cell.seed}",
        seed=cell.seed,
        name=cell.name,
        cache=runs / "stages",
        progress=report,
    )
    return result.folder


def _audit(
    bench: Benchmark, place: Path, name: str, results: Sequence[Path | Candidate], how: How, report: Report
) -> Scoreboard:
    """An audit of its own folder that shares the answers with the setting's other audits, or with those of all where
    they ask the same."""
    folder = place / "audits" / name
    shared = (place.parent if isinstance(bench, InTurn) else place) / "observations"
    shared.mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "observations").is_symlink():
        (folder / "observations").symlink_to(os.path.relpath(shared, folder), target_is_directory=True)
    found = audit(
        load(str(bench.original)),
        results,
        bench.evaluation(),
        out=folder,
        retrained=bench.retrained,
        settings=settings_of(bench, how.settings),
        progress=report,
    )
    board = with_columns(found, bench.columns)
    if board is not found.scoreboard:
        save(board, folder / "scoreboard.json")
    return board


def settings_of(bench: Benchmark, given: Settings) -> Settings:
    """How a benchmark's audit asks: as given, with what its protocol fixes."""
    return replace(given, benchmark=bench.name, max_new_tokens=bench.max_new_tokens, choices=bench.choices)


@dataclass(frozen=True)
class _Kept:
    """A finished audit's mark: the key of what it is about; the numbers are its scoreboard's."""

    folder: Path
    key: str

    def read(self) -> Scoreboard | None:
        mark = self.folder / "cell.json"
        if not mark.exists() or json.loads(mark.read_text(encoding="utf-8")).get("key") != self.key:
            return None
        return load_scoreboard(self.folder / "scoreboard.json")

    def write(self, board: Scoreboard) -> None:
        write_text(self.folder / "cell.json", json.dumps({"key": self.key}) + "\n")


def _key(bench: Benchmark, how: How, method: Method | None = None, seed: int = 0) -> str:
    of = method.recipe() if method else None
    return canonical.digest(bench.name, str(how.settings), how.threads, of, seed, benign.__version__)


def _in_turn(cells: Sequence[Cell], how: How, report: Report) -> Iterator[tuple[Cell, Row | str]]:
    for cell in cells:
        yield cell, _outcome(cell, how, _named(cell, report))


def _named(cell: Cell, report: Report) -> Report:
    def told(what: str, done: int, total: int) -> None:
        report(f"{cell}: {what}", done, total)

    return told


def gpu_share(workers: int, gpus: int) -> float:
    """How much of a GPU each worker asks Ray for: all workers fit, and none is left on the processor alone, where it
    would compute other digits than a run without Ray."""
    return 1 / math.ceil(workers / gpus) if gpus else 0.0


def _on_ray(cells: Sequence[Cell], how: How) -> Iterator[tuple[Cell, Row | str]]:
    # Nothing about anybody's runs goes to Ray's makers.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise UserError("ray is not installed", where="--workers", fix="pip install 'benign[ray]'") from None
    # "local": never join a cluster that a killed grid left dying.
    ray.init(
        address="local",
        num_cpus=how.workers * how.threads,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
    )
    try:
        share = gpu_share(how.workers, torch.cuda.device_count())
        task = ray.remote(num_cpus=how.threads, num_gpus=share, max_retries=0)(_outcome)
        waiting = {task.remote(cell, how, _silent): cell for cell in cells}
        while waiting:
            [ready], _ = ray.wait(list(waiting), num_returns=1)
            cell = waiting.pop(ready)
            try:
                yield cell, ray.get(ready)
            except ray.exceptions.RayError as error:
                yield cell, f"its worker died: {type(error).__name__}"
    finally:
        ray.shutdown()


def _outcome(cell: Cell, how: How, report: Report) -> Row | str:
    """The cell's row, or its error in one line: one cell must not lose the others."""
    try:
        return run_cell(cell, how, report)
    except UserError as error:
        return " ".join(error.line().split())
    except Exception as error:  # noqa: BLE001 - told at the end of the grid, with a status that is not zero
        return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _silent(what: str, done: int, total: int) -> None:
    """Another process' progress is not shown."""


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
