"""Run a benchmark: every method on the original model, one audit over all, results that are there are kept."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import benign
from benign.audit.run import Audit, Candidate, Settings, audit, candidates
from benign.audit.score import Scoreboard
from benign.audit.scoreboard import load as load_scoreboard
from benign.audit.scoreboard import save
from benign.benchmarks.presets import DEMO, embedded
from benign.benchmarks.smllmun import Ratio, SMLLMUn
from benign.benchmarks.summary import table
from benign.data.atomic import write_text
from benign.data.record import SPLITS, Data
from benign.data.write import write_jsonl
from benign.engine.result import Result
from benign.engine.train import Report
from benign.engine.unlearn import unlearn
from benign.errors import UserError, unknown_name
from benign.models.load import Model, load

BENCHMARKS = ("smllmun",)
RATIOS: tuple[Ratio, ...] = (5, 10, 15)
LONGEST_ANSWER = 18
"""Tokens; the longest refusal of the default pool has so many, and every answer of the embedded world fewer."""


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
    settings = Settings(most=200, max_new_tokens=LONGEST_ANSWER, benchmark=bench.name)
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


def run_bench(
    benchmark: str,
    *,
    methods: Sequence[str] | None,
    ratios: Sequence[int],
    seeds: Sequence[int],
    out: Path,
    progress: Report | None = None,
) -> list[Scoreboard]:
    """One scoreboard per ratio, with a row per method and seed, in ``out/<benchmark>/<ratio>/scoreboard.json``, and the
    means over the seeds in ``table.md`` beside it.

    Rows that an earlier call measured are kept; runs, observations and attacks are resumed.
    """
    if benchmark not in BENCHMARKS:
        raise unknown_name("benchmark", benchmark, BENCHMARKS)
    boards = []
    for ratio in ratios:
        bench = SMLLMUn(_ratio(ratio))
        place = out / benchmark / f"{ratio:02d}"
        job = _Job(load(bench.original), bench.data(), place / "runs", progress)
        made = [_one(job, name, seed) for name in methods or DEMO for seed in seeds]
        settings = Settings(most=None, max_new_tokens=LONGEST_ANSWER, benchmark=bench.name)
        found = audit(
            job.model,
            made,
            bench.evaluation(),
            out=place / "audit",
            retrained=bench.retrained,
            settings=settings,
            progress=progress,
        )
        board = _joined(place / "scoreboard.json", found.scoreboard)
        save(board, place / "scoreboard.json")
        write_text(place / "table.md", table(board))
        boards.append(board)
    return boards


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


def _one(job: _Job, name: str, seed: int) -> Candidate:
    return candidates(job.model, [job.run(name, seed)])[0]


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


def _joined(path: Path, new: Scoreboard) -> Scoreboard:
    """The rows of an earlier scoreboard, each in its place and as it was measured last, and then the new ones."""
    if not path.exists():
        return new
    fresh = {(row.method, row.seed): row for row in new.rows}
    kept = [fresh.pop((row.method, row.seed), row) for row in load_scoreboard(path).rows]
    return replace(new, rows=(*kept, *fresh.values()))
