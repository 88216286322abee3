"""``benign bench``: fill in what is missing of a benchmark's results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benign.cli import options, render
from benign.errors import UserError

if TYPE_CHECKING:
    from benign.benchmarks.grid import Failure
    from benign.benchmarks.run import Bench


def bench(
    benchmark: Annotated[
        str | None,
        typer.Argument(metavar="[BENCHMARK]", help="smllmun, tofu, muse-news, ...; leave it out with --experiments."),
    ] = None,
    methods: Annotated[str | None, typer.Option(metavar="A,B,...", help="Methods to run.", show_default="all")] = None,
    ratios: Annotated[
        str | None,
        typer.Option(metavar="N,N,...", help="Its settings: percent to forget, for most.", show_default="the first"),
    ] = None,
    coreset: Annotated[
        str | None,
        typer.Option(metavar="SHARE,...", help="Also run each method on random shares of the forget set: 0.05,0.1."),
    ] = None,
    seeds: Annotated[int, typer.Option(help="How many seeds, counted from 0.", min=1)] = 3,
    experiments: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Run what is missing of these experiment files instead.")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the results are.")] = Path("benches/results"),
    data: Annotated[
        str, typer.Option(metavar="DIR|ID", help="The published files, or their id on the hub; needs --model.")
    ] = "",
    model: Annotated[str, typer.Option(metavar="MODEL", help="The model to unlearn, with --data.")] = "",
    retrained: Annotated[str, typer.Option(metavar="MODEL", help="A model that never saw the forget set.")] = "",
    make: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Only write small data in the benchmark's published form.")
    ] = None,
    workers: Annotated[int, typer.Option(help="Runs at a time; more than 1 needs benign[ray].", min=1)] = 1,
    threads: Annotated[int, typer.Option(help="Processor threads of each run.", min=1)] = 1,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Run a benchmark's methods, ratios and seeds; results that are already there are kept.

    Without --data everything runs offline, on the embedded models and what they know.

    Example: benign bench smllmun --methods idk,smfa --ratios 5,10 --seeds 3 --workers 2
    """
    if make is not None:
        _make(benchmark, make, json=json)
        return
    if (benchmark is None) == (experiments is None):
        raise UserError("give a BENCHMARK or --experiments", where="benign bench", fix="one of the two")
    chosen, percents, shares = _names(methods), _numbers(ratios), _shares(coreset)
    from benign.benchmarks.coresets import with_coresets
    from benign.benchmarks.experiment import read_experiments
    from benign.benchmarks.protocol import Brought
    from benign.benchmarks.run import experiments_of, run_bench

    brought = Brought(data, model, retrained)
    made = experiments_of(benchmark, chosen, percents, tuple(range(seeds)), brought) if benchmark else ()
    wanted = with_coresets(read_experiments(experiments) if experiments else made, shares)
    with render.work(quiet=quiet) as progress:
        found = run_bench(wanted, out=out, workers=workers, threads=threads, brought=brought, progress=progress)
    failures = [failure for bench in found.values() for failure in bench.failures]
    pages = [page for name, bench in found.items() if (page := _drawn(name, bench)) is not None]
    _tell(found.values(), failures, pages, out, json=json)
    if failures:
        raise typer.Exit(1)


def _drawn(name: str, bench: Bench) -> Path | None:
    """The page of requests that came one after another; None for any other benchmark."""
    if not bench.row:
        return None
    from benign.benchmarks.catalogue import find
    from benign.report.in_turn import write_in_turn

    shown = find(name).protocol(min(bench.row)).shown
    return write_in_turn(bench.row, shown, bench.folder / "requests.html")


def _tell(
    benches: Iterable[Bench], failures: Sequence[Failure], pages: Sequence[Path], out: Path, *, json: bool
) -> None:
    boards = [board for bench in benches for board in bench.boards.values()]
    if json:
        from benign.audit.scoreboard import as_json

        failed = [{"run": str(failure.cell), "error": failure.error} for failure in failures]
        render.emit({"out": out, "scoreboards": [as_json(board) for board in boards], "failed": failed, "pages": pages})
    else:
        for board in boards:
            render.say(board.benchmark)
            render.scoreboard(board)
        for page in pages:
            render.say(f"page: {page}")
    for failure in failures:
        render.warn(f"failed: {failure.cell}: {failure.error}")


def _make(benchmark: str | None, folder: Path, *, json: bool) -> None:
    if benchmark is None:
        raise UserError("give a BENCHMARK", where="benign bench --make")
    from benign.benchmarks.catalogue import find

    find(benchmark).make(folder)
    if json:
        render.emit({"benchmark": benchmark, "out": folder})
    else:
        render.say(f"{benchmark}: {folder}")


def _names(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(name.strip() for name in text.split(",") if name.strip())


def _numbers(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError:
        raise UserError(f"{text!r} is not a list of whole numbers", where="--ratios", fix="for example 5,10") from None
    return tuple(dict.fromkeys(numbers))


def _shares(text: str | None) -> tuple[float, ...]:
    try:
        shares = tuple(float(part) for part in (text or "").split(",") if part.strip())
    except ValueError:
        shares = (0.0,)
    if not all(0 < share < 1 for share in shares):
        raise UserError(f"{text!r} is not a list of shares", where="--coreset", fix="for example 0.05,0.1")
    return tuple(dict.fromkeys(shares))
