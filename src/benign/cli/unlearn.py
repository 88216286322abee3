"""``benign unlearn``: make a model forget; a killed run resumes when the same command is given again."""

from __future__ import annotations

import json as json_format
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

import benign
from benign.cli import options, render, settings
from benign.errors import UserError

MethodName = Annotated[str | None, typer.Option(help="A name that benign methods lists.  [default: benign]")]
Preset = Annotated[str | None, typer.Option(help="Whose numbers, where a method has several: paper, code, embedded.")]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="NAME=VALUE", help="Change a setting, or a part (update=pcgrad edit=ties); may be repeated."
    ),
]
RecipeFile = Annotated[
    Path | None, typer.Option(help="The recipe.json of an earlier run, instead of a method.", metavar="FILE")
]
Watched = Annotated[
    str | None,
    typer.Option("--watch", metavar="COLUMN", help="Keep the state in which this column of the scoreboard was best."),
]
WatchEvery = Annotated[int, typer.Option(min=1, help="Steps between two looks at it.")]
Patience = Annotated[int, typer.Option(min=0, help="Looks without a better number before training stops; 0: never.")]

EMBEDDED = "embedded"
"""The preset that is no method's own: what was tuned for the embedded models."""


def unlearn(
    model: options.Model,
    forget: options.Forget,
    out: Annotated[Path, typer.Option(metavar="DIR", help="The run's folder.")],
    retain: options.Retain = None,
    few: options.Few = None,
    neighbour: options.Neighbour = None,
    holdout: options.Holdout = None,
    general: options.General = None,
    strangers: options.Strangers = None,
    method: MethodName = None,
    preset: Preset = None,
    set_: Set = None,
    recipe: RecipeFile = None,
    seed: options.Seed = 0,
    quantize: options.Quantize = None,
    track: options.Track = None,
    watch: Watched = None,
    watch_every: WatchEvery = 20,
    patience: Patience = 5,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Make MODEL forget the records of --forget and keep everything else.

    Example: benign unlearn my-model --forget forget.jsonl --few few.jsonl --out erasure
    """
    name = method or "benign"
    if preset != EMBEDDED:
        name = benign.methods.entry(name).name
    data = benign.read(
        forget=forget,
        retain=retain,
        few=few,
        neighbour=neighbour,
        holdout=holdout,
        general=general,
        strangers=strangers,
    )
    if recipe is None:
        chosen = _chosen(name, preset, set_ or [])
    else:
        name, chosen = _again(recipe, method, preset, set_)
    loaded = benign.load(model, quantize=quantize) if quantize else model
    look = _watched(watch, data, watch_every, patience)
    with render.work(quiet=quiet) as progress:
        result = benign.unlearn(
            loaded, data, method=chosen, out=out, seed=seed, name=name, track=track, watch=look, progress=progress
        )
    if json:
        render.emit(result)
        return
    render.say(f"{result.method} made it forget in {render.duration(result.seconds)}: {result.folder}")
    render.say(f"Now see what it forgot and what it kept: benign audit {model} {result.folder} --forget {forget} ...")


def _watched(column: str | None, data: Any, every: int, patience: int) -> Any:
    if column is None:
        return None
    from benign.audit.watching import watching

    return watching(column, data, every=every, patience=patience or None)


def _chosen(name: str, preset: str | None, changes: list[str]) -> Any:
    if preset == EMBEDDED:
        from benign.benchmarks.presets import embedded

        return settings.changed(embedded(name), changes)
    of_preset = [f"preset={preset}"] if preset else []
    return settings.changed(benign.methods.find(name)(), [*of_preset, *changes])


@dataclass(frozen=True)
class Again:
    """A method that is nothing but the recipe of an earlier run."""

    stages: Any

    def recipe(self) -> Any:
        """The earlier run's recipe."""
        return self.stages


def _again(path: Path, *others: object) -> tuple[str, Again]:
    """The recipe of an earlier run, and the name that the run had."""
    if any(others):
        raise UserError("a recipe is complete by itself", where="--recipe", fix="drop --method, --preset and --set")
    from benign.engine import canonical
    from benign.engine.recipe import Recipe

    try:
        found = canonical.from_plain(json_format.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UserError(f"cannot read it: {error.strerror}", where=str(path)) from None
    except ValueError:
        raise UserError("not valid JSON", where=str(path)) from None
    if not isinstance(found, Recipe):
        raise UserError("not a recipe", where=str(path), fix="give the recipe.json of a run's folder")
    mark = path.with_name("run.json")
    name = str(json_format.loads(mark.read_text(encoding="utf-8"))["method"]) if mark.exists() else "recipe"
    return name, Again(found)
