"""``benign meta``: which metrics deserve trust."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benign.cli import options, render

if TYPE_CHECKING:
    from benign.benchmarks.meta import Forms, Verdict


def meta(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the results are.")] = Path("benches/results"),
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Judge the audit's metrics on models of which it is known what they know; models that are there are kept.

    Example: benign meta
    """
    from benign.benchmarks.meta_run import run_meta

    with render.work(quiet=quiet) as progress:
        found = run_meta(out, progress)
    if json:
        render.emit({"out": out, "verdicts": found})
        return
    render.table(
        ("metric", "faithfulness", "relearning", "reminding", "int4", "overall", "symmetric", "models"),
        [_line(verdict) for verdict in found],
        numbers=True,
    )


def _line(verdict: Verdict) -> tuple[str, ...]:
    forms = (verdict.relearning, verdict.reminding, verdict.quantisation, verdict.overall)
    symmetric = "-" if verdict.overall is None else f"{verdict.overall.symmetric:.3f}"
    return (
        verdict.metric,
        f"{verdict.faithfulness:.3f}",
        *map(_one_sided, forms),
        symmetric,
        str(len(verdict.counted)),
    )


def _one_sided(forms: Forms | None) -> str:
    return "-" if forms is None else f"{forms.one_sided:.3f}"
