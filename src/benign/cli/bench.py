"""``benign bench``: fill in what is missing of a benchmark's results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benign.cli import options, render
from benign.cli.demo import listed
from benign.errors import UserError


def bench(
    benchmark: Annotated[str, typer.Argument(metavar="BENCHMARK", help="smllmun.", show_default=False)],
    methods: Annotated[str | None, typer.Option(metavar="A,B,...", help="Methods to run.", show_default="all")] = None,
    ratios: Annotated[str, typer.Option(metavar="N,N,...", help="Percent of the people to forget.")] = "5,10",
    seeds: Annotated[int, typer.Option(help="How many seeds, counted from 0.", min=1)] = 3,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the results are.")] = Path("benches/results"),
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Run a benchmark's methods, ratios and seeds; results that are already there are kept.

    Example: benign bench smllmun --methods idk,smfa --ratios 5,10 --seeds 3
    """
    chosen, percents = listed(methods), _numbers(ratios)
    from benign.benchmarks.run import run_bench

    with render.work(quiet=quiet) as progress:
        boards = run_bench(
            benchmark, methods=chosen, ratios=percents, seeds=tuple(range(seeds)), out=out, progress=progress
        )
    if json:
        from benign.audit.scoreboard import as_json

        render.emit({"out": out, "scoreboards": [as_json(board) for board in boards]})
        return
    for board in boards:
        render.say(board.benchmark)
        render.scoreboard(board)


def _numbers(text: str) -> tuple[int, ...]:
    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError:
        raise UserError(f"{text!r} is not a list of whole numbers", where="--ratios", fix="for example 5,10") from None
    return tuple(dict.fromkeys(numbers))
