"""``benign audit``: what was forgotten, what was kept, what comes back; with a report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import benign
from benign.cli import options, render
from benign.cli.settings import changed
from benign.errors import UserError

if TYPE_CHECKING:
    from benign.audit.attacks import Attack
    from benign.audit.judges.judge import Judge
    from benign.audit.run import Audit, Settings
    from benign.engine.train import Report


Out = Annotated[Path, typer.Option(metavar="DIR", help="The audit's folder.")]
Results = Annotated[list[Path] | None, typer.Argument(metavar="[RESULT]...", help="Folders that benign unlearn wrote.")]
Retrained = Annotated[
    str | None, typer.Option(metavar="MODEL", help="A model that never saw the forget set: what ideal looks like.")
]
JudgeName = Annotated[str, typer.Option(help="rules (offline), or the address of an OpenAI-compatible endpoint.")]
JudgeModel = Annotated[str | None, typer.Option(help="The endpoint's model.")]
Attacks = Annotated[
    str,
    typer.Option(
        metavar="GROUP|A,B,...",
        help="Try to bring the memory back: none, fast, standard, all, or by name, as in relearn:steps=100,prune.",
    ),
]

Diagnostics = Annotated[
    str, typer.Option(metavar="NAMES", help="Look into the weights: none, all, or names such as depth,lens,probe.")
]
META = "--meta"
Meta = Annotated[bool, typer.Option(META, help="Judge the metrics themselves, as benign meta; needs nothing else.")]
Most = Annotated[
    int, typer.Option(min=0, metavar="N", help="Records of a split that are asked at most, evenly spread; 0 asks all.")
]
SampleCount = Annotated[int, typer.Option("--samples", min=0, help="Sampled answers to each forgotten question.")]


def audit(
    model: options.Model,
    forget: options.Forget,
    out: Out,
    results: Results = None,
    retain: options.Retain = None,
    few: options.Few = None,
    neighbour: options.Neighbour = None,
    holdout: options.Holdout = None,
    general: options.General = None,
    strangers: options.Strangers = None,
    retrained_model: Retrained = None,
    judge: JudgeName = "rules",
    judge_model: JudgeModel = None,
    attacks: Attacks = "relearn",
    samples: SampleCount = 0,
    most: Most = 400,
    diagnostics: Diagnostics = "none",
    quantize: options.Quantize = None,
    track: options.Track = None,
    meta: Meta = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Judge MODEL and every RESULT on the same records, and write scoreboard.json and report.html.

    Example: benign audit my-model erasure --forget forget.jsonl --retain retain.jsonl --out erasure/audit
    """
    marks = _judge(judge, judge_model, out)
    inside = _diagnostics(diagnostics)
    chosen = _settings(attacks, samples, most, track)
    data = benign.read(
        forget=forget,
        retain=retain,
        few=few,
        neighbour=neighbour,
        holdout=holdout,
        general=general,
        strangers=strangers,
    )
    with render.work(quiet=quiet) as progress:
        found = benign.audit(
            benign.load(model, quantize=quantize) if quantize else model,
            results or [],
            data,
            out=out,
            retrained=retrained_model,
            judge=marks,
            settings=chosen,
            progress=progress,
        )
        found = _diagnosed(found, inside, progress)
        report = _report(found, out / "report.html")
        _track(found, track)
    _shown(found, out, report, json=json)


def _shown(found: Audit, out: Path, report: Path, *, json: bool) -> None:
    from benign.audit.scoreboard import as_json

    if json:
        render.emit({"out": out, "report": report, "scoreboard": as_json(found.scoreboard), "asked": found.asked})
        return
    render.scoreboard(found.scoreboard)
    cut = [f"{n} of {there} {split} records" for split, (n, there) in found.asked.items() if n < there]
    if cut:
        render.say(f"asked: {', '.join(cut)} (--most 0 asks all)")
    render.say(f"report: {report}")


def _settings(attacks: str, samples: int, most: int, track: str | None) -> Settings:
    """How the audit asks; a tracker that is not there is told here, before the work that it is to hear of."""
    from benign.audit.observe import Samples
    from benign.audit.run import Settings
    from benign.engine.track import tracker

    if track:
        tracker(track)
    return Settings(most=most or None, attacks=_attacks(attacks), samples=Samples(samples) if samples else None)


def _attacks(text: str) -> tuple[Attack, ...]:
    """The attacks that were asked for; a name may bring its budget along: ``relearn:steps=100:batch=8``."""
    from benign.audit.attacks.catalogue import chosen

    if ":" not in text:
        return chosen(text)
    made: list[Attack] = []
    for name, *budget in (entry.split(":") for entry in text.split(",")):
        made += [changed(attack, budget, f"--attacks {name.strip()}") for attack in chosen(name.strip())]
    return tuple(made)


def _diagnostics(names: str) -> tuple[str, ...]:
    """Which ones, known before hours of work."""
    if names == "none":
        return ()
    from benign.audit.diagnostics.catalogue import chosen

    return chosen(names)


def _diagnosed(found: Audit, names: tuple[str, ...], progress: Report) -> Audit:
    if not names:
        return found
    from benign.audit.diagnose import diagnose

    return diagnose(found, names, progress)


def _report(found: Audit, path: Path) -> Path:
    """Written by the first of the processes that made the audit together."""
    from benign.engine.world import world
    from benign.report.build import build_report

    return build_report(found, path) if world().main else path


def _track(found: Audit, track: str | None) -> None:
    if track:
        from benign.audit.track import track_scores

        track_scores(found, track)


def _judge(judge: str, model: str | None, out: Path) -> Judge | None:
    """The endpoint that was asked for, or None for the offline rules."""
    if judge == "rules":
        return None
    if not judge.startswith(("http://", "https://")):
        raise UserError(f"unknown judge {judge!r}", where="--judge", fix="rules, or an address such as http://HOST/v1")
    if not model:
        raise UserError("which model of the endpoint?", where="--judge", fix="give --judge-model")
    from benign.audit.judges.endpoint import EndpointJudge

    return EndpointJudge(judge, model, out / "judge")
