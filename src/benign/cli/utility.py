"""``benign utility``: what is left of general ability, by lm-evaluation-harness."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benign.cli import options, render
from benign.cli.audit import Results, Retrained

if TYPE_CHECKING:
    from benign.audit.score import Score

Tasks = Annotated[
    str | None, typer.Option(metavar="A,B,...", help="Tasks of lm-evaluation-harness, by name or as YAML files.")
]
Out = Annotated[Path, typer.Option(metavar="DIR", help="Where utility.json goes.")]
Chat = Annotated[bool, typer.Option("--chat/--no-chat", help="Ask in the model's chat template, where it has one.")]


def utility(
    model: options.Model,
    out: Out,
    results: Results = None,
    tasks: Tasks = None,
    general: options.General = None,
    retrained_model: Retrained = None,
    chat: Chat = True,
    shots: Annotated[int | None, typer.Option(min=0, help="Worked examples.", show_default="the task's")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Questions per task.", show_default="all")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Requests per forward pass.")] = 16,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Run tasks of lm-evaluation-harness on MODEL and on every RESULT (needs benign[lm-eval]).

    With --general, records with options become a task beside the others.

    Example: benign utility my-model erasure --tasks arc_easy,hellaswag --out erasure/utility
    """
    chosen = tuple(name.strip() for name in (tasks or "").split(",") if name.strip())
    with render.work(quiet=quiet) as progress:
        from benign.audit.harness_task import write_task
        from benign.audit.utility import Harness, as_json
        from benign.audit.utility import utility as measure
        from benign.data.read import read_records

        if general:
            chosen = (*chosen, str(write_task(read_records(general, split="general"), out / "tasks")))
        harness = Harness(chosen, chat=chat, shots=shots, limit=limit, batch=batch)
        shown = None if quiet else progress
        found = measure(model, results or [], harness, out=out, retrained=retrained_model, progress=shown)
    if json:
        render.emit({"out": out, "systems": as_json(found)})
        return
    names = list(dict.fromkeys(key for scores in found.values() for key in scores))
    render.table(["", *found], [[name, *(_cell(scores.get(name)) for scores in found.values())] for name in names])
    render.say(f"scores: {out / 'utility.json'}")


def _cell(score: Score | None) -> str:
    if score is None:
        return "-"
    return f"{score.value:.3f} [{score.low:.3f}, {score.high:.3f}]" if score.n else f"{score.value:.3f}"
