"""Run a benchmark: what is missing of its experiments is measured, what is there is kept; and the demo."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import benign
from benign.audit.run import Audit, Settings, audit
from benign.audit.score import Row, Scoreboard
from benign.audit.scoreboard import save
from benign.benchmarks import catalogue
from benign.benchmarks.experiment import Experiment, save_experiment
from benign.benchmarks.grid import Cell, Failure, How, references, run_grid
from benign.benchmarks.in_turn import InTurn
from benign.benchmarks.presets import DEMO, embedded
from benign.benchmarks.protocol import OFFLINE, Brought
from benign.benchmarks.results import (
    Measured,
    load_measured,
    load_references,
    save_measured,
    save_references,
    scoreboards,
)
from benign.benchmarks.smllmun import LONGEST_ANSWER, Ratio, SMLLMUn
from benign.benchmarks.summary import in_turn, table
from benign.data.atomic import write_text
from benign.data.record import SPLITS, Data
from benign.data.write import write_jsonl
from benign.engine.result import Result
from benign.engine.train import Report
from benign.engine.unlearn import unlearn
from benign.errors import UserError
from benign.models.load import Model, load

RATIOS: tuple[Ratio, ...] = (5, 10, 15)


def run_demo(
    *,
    out: Path,
    ratio: int = 10,
    seed: int = 0,
    methods: Sequence[str] | None = None,
    progress: Report | None = None,
) -> Audit:
    """The whole story on the embedded model: write a user's files, read them back, unlearn by every method, audit.

    Everything that a user would have is in ``out``: ``data/*.jsonl`` with pictures, one run folder per method, the
    audit's folder. A killed demo resumes.
    """
    bench = SMLLMUn(_ratio(ratio), seed)
    data = _through_files(bench.data(), out / "data")
    evaluation = _through_files(bench.evaluation(), out / "evaluation")
    job = _Job(load(bench.original), data, out / "runs", progress)
    results = [job.run(name, seed) for name in methods or DEMO]
    settings = Settings(most=200, paraphrases=2, alternatives=(), max_new_tokens=LONGEST_ANSWER, benchmark=bench.name)
    found = audit(
        job.model,
        results,
        evaluation,
        out=out / "audit",
        retrained=bench.retrained,
        settings=settings,
        progress=progress,
    )
    shutil.copyfile(out / "audit" / "scoreboard.json", out / "scoreboard.json")
    return found


@dataclass(frozen=True)
class Bench:
    """What a call of :func:`run_bench` leaves: all that is measured, by setting, and what failed in this call."""

    boards: Mapping[int, Scoreboard]
    failures: tuple[Failure, ...]
    row: Mapping[int, Scoreboard] = field(default_factory=dict)
    """All that is measured, by how many requests were met, where they come one after another."""
    folder: Path = Path()
    """Where the benchmark's results are."""


def experiments_of(
    benchmark: str,
    methods: Sequence[str] | None,
    ratios: Sequence[int] | None,
    seeds: Sequence[int],
    brought: Brought = OFFLINE,
) -> tuple[Experiment, ...]:
    """Experiments with the numbers that were tuned for the embedded models, or the published ones for one's own.

    Args:
        benchmark: As :mod:`benign.benchmarks.catalogue` names it.
        methods: All of the benchmark's table where there are none.
        ratios: The benchmark's settings; its usual ones where there are none.
        seeds: One run each.
        brought: Data and models of one's own.

    Raises:
        UserError: There is no such benchmark, setting or method.
    """
    suite = catalogue.find(benchmark)
    settings = tuple(ratios or suite.usual)
    for setting in settings:
        suite.protocol(setting, brought)
    chosen = methods or suite.methods
    return tuple(Experiment(benchmark, name, suite.preset(name, brought), settings, tuple(seeds)) for name in chosen)


def run_bench(
    experiments: Sequence[Experiment],
    *,
    out: Path,
    workers: int = 1,
    threads: int = 1,
    brought: Brought = OFFLINE,
    progress: Report | None = None,
) -> dict[str, Bench]:
    """Measure what is missing of the experiments, and make each benchmark's tables anew.

    What is run goes to ``out/experiments/<benchmark>/<method>.json``, rows to ``out/<benchmark>/<method>.json``, the
    two reference models' to ``references.json``, and per setting all of them together to ``<setting>/scoreboard.json``,
    with the means over the seeds in ``table.md`` (and in ``requests.md`` those after each of several requests in a
    row). Rows that are there are kept; runs, observations and attacks are resumed. A run that fails does not stop the
    others.

    Args:
        experiments: What to measure.
        out: The folder of results.
        workers: Runs at a time; more than one needs Ray, and changes no number.
        threads: Processor threads of each run.
        brought: Data and models of one's own; their results go to a folder apart.
        progress: Called as (what, done, total) while work goes on.
    """
    report = progress or _silent
    how = How(Settings(most=None), workers, threads)
    out = out / f"own-{brought.digest}" if brought.anything else out
    for experiment in experiments:
        save_experiment(out / "experiments", experiment)
    found = {}
    for benchmark in dict.fromkeys(experiment.benchmark for experiment in experiments):
        mine = [experiment for experiment in experiments if experiment.benchmark == benchmark]
        suite = catalogue.find(benchmark)
        failures = _measure(mine, out, how, brought, report)
        boards = scoreboards(out, benchmark, suite.methods)
        for setting, board in boards.items():
            save(board, out / benchmark / f"{setting:02d}" / "scoreboard.json")
            text = table(board, suite.protocol(setting, brought).shown)
            write_text(out / benchmark / f"{setting:02d}" / "table.md", text)
        asked = {setting for experiment in mine for setting in experiment.settings}
        row = boards if isinstance(suite.protocol(min(asked), brought), InTurn) else {}
        if row:
            write_text(out / benchmark / "requests.md", in_turn(row, suite.protocol(min(asked), brought).shown))
        measured = {setting: board for setting, board in boards.items() if setting in asked}
        found[benchmark] = Bench(measured, failures, row, out / benchmark)
    return found


def _measure(
    experiments: Sequence[Experiment], out: Path, how: How, brought: Brought, report: Report
) -> tuple[Failure, ...]:
    benchmark = experiments[0].benchmark
    suite = catalogue.find(benchmark)
    kept = {experiment.name: list(load_measured(out, experiment)) for experiment in experiments}
    by_name = {experiment.name: experiment for experiment in experiments}
    wanted = [
        (setting, seed, experiment)
        for experiment in experiments
        for setting in experiment.settings
        for seed in experiment.seeds
        if (setting, seed) not in {(found.setting, found.row.seed) for found in kept[experiment.name]}
    ]
    there = load_references(out, benchmark)
    cells = []
    for setting in dict.fromkeys(setting for setting, _, _ in wanted):
        bench, place = suite.protocol(setting, brought), out / benchmark / f"{setting:02d}"
        board = references(bench, place, how, report)
        if setting not in there:
            save_references(out, benchmark, setting, board)
        cells += [Cell(bench, place, e.name, e.method, seed) for s, seed, e in wanted if s == setting]

    def done(cell: Cell, row: Row) -> None:
        measured = Measured(int(cell.place.name), row, benign.__version__)
        kept[cell.name].append(measured)
        save_measured(out, by_name[cell.name], kept[cell.name])

    return run_grid(cells, how, done=done, report=report)


def _silent(what: str, done: int, total: int) -> None:
    """Nobody watches."""


@dataclass(frozen=True)
class _Job:
    model: Model
    data: Data
    runs: Path
    progress: Report | None

    def run(self, name: str, seed: int) -> Result:
        """Run one method, or take its finished run."""
        return unlearn(
            self.model,
            self.data,
            method=embedded(name),
            out=self.runs / f"{name}-{seed}",
            seed=seed,
            name=name,
            cache=self.runs / "stages",
            progress=_named(self.progress, name),
        )


def _named(progress: Report | None, name: str) -> Report | None:
    if progress is None:
        return None
    report: Callable[[str, int, int], None] = progress
    return lambda what, done, total: report(f"{name}: {what}", done, total)


def _ratio(ratio: int) -> Ratio:
    for known in RATIOS:
        if known == ratio:
            return known
    raise UserError(f"no ratio {ratio}", where="--ratio", fix=f"known: {', '.join(map(str, RATIOS))}")


def _through_files(data: Data, folder: Path) -> Data:
    """The data as a user would bring them: written to files and read back."""
    for name in SPLITS:
        if data.split(name) and not (folder / f"{name}.jsonl").exists():
            write_jsonl(data.split(name), folder / f"{name}.jsonl")
    files: dict[str, Path] = {name: folder / f"{name}.jsonl" for name in SPLITS if data.split(name)}
    return benign.read(
        forget=files["forget"],
        retain=files.get("retain"),
        few=files.get("few"),
        neighbour=files.get("neighbour"),
        holdout=files.get("holdout"),
        general=files.get("general"),
        strangers=files.get("strangers"),
    )
