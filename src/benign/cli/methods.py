"""``benign methods``: what there is, and what each one's numbers mean; read from the source, so it answers at once."""

from __future__ import annotations

from typing import Annotated

import typer

from benign import methods as catalogue
from benign.cli import render
from benign.cli.options import Debug, Json


def methods(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One method, with its settings.")] = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """List the methods, or show one with its settings.

    Example: benign methods smfa
    """
    chosen = catalogue.describe() if name is None else (catalogue.entry(name),)
    if json:
        render.emit(chosen if name is None else chosen[0])
    elif name is None:
        render.table(["method", "what it does"], [[known.name, known.summary] for known in chosen])
        render.say("benign methods NAME shows a method's settings.")
    else:
        _show(chosen[0])


def _show(known: catalogue.Entry) -> None:
    render.say(f"{known.name} (benign.methods.{known.type})\n{known.summary}\n")
    rows = [[setting.name, setting.type, setting.default, setting.meaning] for setting in known.settings]
    render.table(["setting", "type", "default", "meaning"], rows)
    render.say(f"Use: benign unlearn MODEL --forget F --retain R --out DIR --method {known.name} --set NAME=VALUE")
