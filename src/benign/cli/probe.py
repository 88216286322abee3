"""``benign probe``: what the original model knows of the forgotten, asked in other ways."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import benign
from benign.cli import options, render
from benign.cli.audit import Results, Retrained

if TYPE_CHECKING:
    from benign.audit.probes.run import Probes
    from benign.audit.score import Score
    from benign.errors import NotMeasured

Out = Annotated[Path, typer.Option(metavar="DIR", help="Where graph.json and probes.json go.")]
GraphFile = Annotated[
    Path | None, typer.Option("--graph", metavar="FILE", help="A graph as llm2graph writes it, instead of the records.")
]
Grow = Annotated[
    str | None,
    typer.Option(metavar="MODEL", help="Grow the graph by asking this model of an endpoint (needs benign[llm2graph])."),
]


def probe(
    model: options.Model,
    forget: options.Forget,
    out: Out,
    results: Results = None,
    retain: options.Retain = None,
    few: options.Few = None,
    retrained_model: Retrained = None,
    graph: GraphFile = None,
    grow: Grow = None,
    hops: Annotated[int, typer.Option(min=1, max=3, help="The longest chain of facts.")] = 2,
    most: Annotated[int, typer.Option(min=1, help="Chains per subject and way.")] = 20,
    seed: options.Seed = 0,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Find out what MODEL knows of the forgotten subjects, and ask every RESULT about it in other words and in chains.

    Example: benign probe my-model erasure --forget forget.jsonl --retain retain.jsonl --out erasure/probes
    """
    data = benign.read(forget=forget, retain=retain, few=few)
    with render.work(quiet=quiet) as progress:
        from benign.audit.probes.graph import read_graph
        from benign.audit.probes.grow import grown
        from benign.audit.probes.knowledge import knowledge
        from benign.audit.probes.mirage import Mirage
        from benign.audit.probes.run import probe as ask

        given = read_graph(graph) if graph else grown(knowledge(data).graph.targets, grow) if grow else None
        mirage = Mirage(hops=hops, most=most, seed=seed)
        found = ask(
            model,
            results or [],
            data,
            out=out,
            retrained=retrained_model,
            graph=given,
            mirage=mirage,
            progress=progress,
        )
    if json:
        from benign.audit.probes.saved import as_numbers

        render.emit({"out": out, "left_out": dict(found.left_out), **as_numbers(found.probed)})
        return
    _show(found)


def _show(found: Probes) -> None:
    from benign.audit.probes.chains import KINDS
    from benign.audit.probes.verdicts import judged

    verdicts = judged(found.probed)
    lines = [[kind.replace("_", " "), *(_cell(v.accuracy[kind]) for v in verdicts.values())] for kind in KINDS]
    lines.append(["lost by name only", *(_cell(v.residual) for v in verdicts.values())])
    lines.append(["overall", *(_cell(v.overall) for v in verdicts.values())])
    render.table(["", *verdicts], lines, numbers=True)
    for kind, reasons in found.probed.dropped().items():
        for reason, count in reasons.items():
            render.say(f"dropped, {kind.replace('_', ' ')}: {count} ({reason})")
    for reason, count in found.left_out.items():
        render.say(f"no fact: {count} (the record {reason})")
    render.say(f"probes: {found.folder / 'probes.json'}")


def _cell(score: Score | NotMeasured) -> str:
    from benign.audit.score import Score as Measured

    if not isinstance(score, Measured):
        return "-"
    return f"{score.value:.2f} [{score.low:.2f}, {score.high:.2f}] n={score.n}"
