"""``benign methods``: what there is, and what each one's numbers mean; read from the source, so it answers at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

import typer

from benign import methods as catalogue
from benign.cli import render
from benign.cli.options import Debug, Json
from benign.errors import UserError
from benign.methods.traits import AXES, GUARANTEES, MODALITIES, NEEDS, TAXONOMY, Wish, told


def _words(known: Iterable[str]) -> str:
    return ", ".join(known) + "."


def methods(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One method, with its settings.")] = None,
    axis: Annotated[str | None, typer.Option(help="Methods with a choice of their own on it: " + _words(AXES))] = None,
    having: Annotated[
        str | None, typer.Option(metavar="A,B", help="Methods that need no more than these: " + _words(NEEDS))
    ] = None,
    modality: Annotated[str | None, typer.Option(help="Methods that take these records: " + _words(MODALITIES))] = None,
    training: Annotated[bool | None, typer.Option("--training/--training-free", help="Whether they train.")] = None,
    guarantee: Annotated[str | None, typer.Option(help="What they promise: " + _words(GUARANTEES))] = None,
    taxonomy: Annotated[
        str | None, typer.Option(help="Kind, by the survey of digital forgetting (2404.02062): " + _words(TAXONOMY))
    ] = None,
    reconstructed: Annotated[
        bool | None, typer.Option("--reconstructed/--as-published", help="Whether a part could not be read.")
    ] = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """List the methods, those that fit what you have, or show one with its settings.

    Example: benign methods --having forget,few_retain --training-free
    """
    own = None if having is None else tuple(having.replace(",", " ").split())
    wish = Wish(axis, own, training, guarantee, taxonomy, reconstructed, modality)
    if name is not None and wish != Wish():
        raise UserError("name a method or look for some, not both", where="benign methods", fix="leave out the name")
    chosen = catalogue.describe(None if wish == Wish() else wish) if name is None else (catalogue.entry(name),)
    if json:
        render.emit(chosen if name is None else chosen[0])
    elif name is None:
        _list(chosen)
    else:
        _show(chosen[0])


def _list(chosen: Sequence[catalogue.Entry]) -> None:
    if not chosen:
        render.say("No method fits. Ask for less, or see them all: benign methods")
        return
    render.table(["method", "what it does"], [[known.name, _told(known)] for known in chosen])
    render.say("benign methods NAME shows a method's settings; benign methods --help says what to look for.")


def _told(known: catalogue.Entry) -> str:
    if known.traits is None:
        return known.summary
    kind = [known.traits.taxonomy.replace("_", "/"), "" if known.traits.training else "training-free"]
    kind += ["" if known.traits.guarantee == "weights" else known.traits.guarantee]
    kind += ["reconstructed" if known.traits.reconstructed else ""]
    kind += [f"{known.traits.cost.seconds:.1f} times NPO's seconds" if known.traits.cost else ""]
    needs = "needs " + ", ".join(known.traits.needs).replace("_", " ")
    return known.summary + "\n  " + "; ".join(filter(None, [*kind, needs]))


def _show(known: catalogue.Entry) -> None:
    render.say(f"{known.name} (benign.methods.{known.type})\n{known.summary}\n")
    if known.traits is not None:
        render.table(["", ""], _facts(known.traits))
    rows = [[setting.name, setting.type, setting.default, setting.meaning] for setting in known.settings]
    render.table(["setting", "type", "default", "meaning"], rows)
    render.say(f"Use: benign unlearn MODEL --forget F --retain R --out DIR --method {known.name} --set NAME=VALUE")


def _facts(traits: catalogue.Traits) -> list[list[str]]:
    papers = ", ".join(f"https://arxiv.org/abs/{paper}" for paper in traits.papers)
    return [*map(list, told(traits)), *([["paper", papers]] if papers else [])]
