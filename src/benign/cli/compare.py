"""``benign compare``: two audited runs on the same questions, with a paired verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benign.cli import options, render

_SIDE = "A run's folder or an audit's; FOLDER:METHOD or FOLDER:METHOD#SEED where the audit has several."


def compare(
    a: Annotated[str, typer.Argument(metavar="RUN_A", help=_SIDE, show_default=False)],
    b: Annotated[str, typer.Argument(metavar="RUN_B", help="What to compare it with.", show_default=False)],
    columns: Annotated[
        str | None, typer.Option(metavar="A,B,...", help="Columns of the scoreboard.", show_default="all that matter")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write the picture and the table here.")] = None,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Say which of two audited runs forgets more and which keeps more, question by question, and whether it is chance.

    Example: benign compare erasure/audit:smfa erasure/audit:idk --out difference.html
    """
    from benign.audit import comparison
    from benign.report import compare as report

    chosen = None if columns is None else tuple(name.strip() for name in columns.split(",") if name.strip())
    found = comparison.compare(comparison.open_side(a), comparison.open_side(b), columns=chosen)
    said = report.words(found)
    page = report.write_comparison(found, out) if out else None
    if json:
        render.emit({"headline": said.headline, "sentences": said.sentences, **comparison.as_json(found), "page": page})
        return
    render.say(f"{said.headline}\n")
    for sentence in said.sentences:
        render.say(sentence)
    render.table(*report.listing(found), numbers=True)
    for gap in report.absent(found):
        render.say(f"not compared: {'; '.join(gap.titles)} ({gap.reason})")
    if page:
        render.say(f"page: {page}")
