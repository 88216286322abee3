"""``benign demo``: the whole story on the embedded model, offline, in minutes."""

from __future__ import annotations

import os
import sys
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from benign.cli import options, render


def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where to write.")] = Path("demo"),
    ratio: Annotated[int, typer.Option(help="Percent of the people to forget: 5, 10 or 15.")] = 10,
    seed: options.Seed = 0,
    methods: Annotated[
        str | None, typer.Option(metavar="A,B,...", help="Methods to compare.", show_default="a telling choice")
    ] = None,
    open_: Annotated[bool, typer.Option("--open/--no-open", help="Open the report in a browser.")] = True,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Make a small model that has memorised invented people forget some of them, in several ways, and compare.

    Example: benign demo --ratio 10 --methods idk,smfa
    """
    chosen = listed(methods)
    from benign.benchmarks.run import run_demo
    from benign.report.build import build_report

    with render.work(quiet=quiet) as progress:
        found = run_demo(out=out, ratio=ratio, seed=seed, methods=chosen, progress=progress)
        report = build_report(found, out / "report.html")
    if json:
        from benign.audit.scoreboard import as_json

        render.emit({"out": out, "report": report, "scoreboard": as_json(found.scoreboard)})
        return
    render.scoreboard(found.scoreboard)
    render.say(f"report: {report}")
    if open_ and _has_screen():
        webbrowser.open(report.absolute().as_uri())


def listed(methods: str | None) -> tuple[str, ...] | None:
    """The names of a comma-separated list, each known to have a preset for the embedded models; None for no list.

    Raises:
        UserError: There is no such method.
    """
    if methods is None:
        return None
    from benign.benchmarks.presets import embedded

    given = tuple(name.strip() for name in methods.split(",") if name.strip())
    for name in given:
        embedded(name)
    return given


def _has_screen() -> bool:
    """Whether a person sits there and a browser would have a screen to open on."""
    elsewhere = sys.platform in ("darwin", "win32")
    screen = elsewhere or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return screen and sys.stdout.isatty() and "CI" not in os.environ
