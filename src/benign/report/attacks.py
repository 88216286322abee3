"""The attack panel: for each attempt, the unlearned models beside the retrained and the original one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benign.audit import attack_columns
from benign.audit.attacks import catalogue
from benign.audit.score import RETRAINED, Score, Scoreboard
from benign.errors import NotMeasured
from benign.report.evidence import CAME_BACK
from benign.report.examples import Answer, Question, judged
from benign.report.page import Exhibit, Trial
from benign.report.table import Cell
from benign.report.tradeoff import MEMORY, Outcome, outcomes
from benign.report.words import listed, model_title, number, percent, shown, span


@dataclass(frozen=True)
class Display:
    """One question as it is shown, with every model's answer; None where a model was not asked it."""

    question: Question
    answers: tuple[Answer | None, ...]


@dataclass(frozen=True)
class Attempt:
    """One attack's line."""

    name: str
    title: str
    meaning: str
    cost: str
    scores: tuple[Score | NotMeasured, ...]
    """By model, in the panel's order."""
    cells: tuple[Cell, ...]
    counts: tuple[str, ...]
    """In words, how many answers of each model hold the forgotten one."""
    shown: tuple[str, ...]
    """The models whose answers are shown, by their titles."""
    displays: tuple[Display, ...]


@dataclass(frozen=True)
class Panel:
    """All attacks; the first line is no attack: the forgotten questions as they are."""

    models: tuple[Outcome, ...]
    focus: int | None
    """The place of the method that the picture stresses: the best one, or the only one."""
    attempts: tuple[Attempt, ...]
    summary: str
    footnotes: tuple[str, ...]


def panel(scoreboard: Scoreboard, trials: Sequence[Trial], best: str | None) -> Panel | None:
    """The panel of a scoreboard; None where no attack gave a number.

    Args:
        scoreboard: The rows, in the order in which they are shown.
        trials: The attacks' evidence.
        best: The method that stands first, or None.
    """
    models = outcomes(scoreboard)
    names = list(
        dict.fromkeys(name for o in models for name in o.row.metrics if attack_columns.attack_of(name) is not None)
    )
    tried = [name for name in names if any(o.row.value(name) is not None for o in models)]
    if not tried:
        return None
    reasons: dict[str, int] = {}
    evidence = {trial.attack: trial for trial in trials}
    attempts = tuple(_attempt(name, models, evidence.get(name), reasons) for name in (MEMORY, *tried))
    focus = _focus(models, best)
    return Panel(models, focus, attempts, _summary(models, focus, attempts[1:]), tuple(reasons))


def _attempt(name: str, models: Sequence[Outcome], trial: Trial | None, reasons: dict[str, int]) -> Attempt:
    scores = tuple(o.row.metrics.get(name, NotMeasured("the attack was not run")) for o in models)
    attack = attack_columns.attack_of(name)
    answered = [o for o in models if trial and o.method in trial.counts]
    return Attempt(
        name,
        "No attack" if attack is None else attack_columns.titled(attack),
        "The forgotten questions as they are." if attack is None else attack_columns.meaning(attack),
        (attack and catalogue.cost_of(attack)) or "",
        scores,
        tuple(_cell(score, reasons) for score in scores),
        tuple(_counts(trial, answered)),
        tuple(model_title(o.method) for o in answered),
        tuple(_display(exhibit, answered) for exhibit in trial.exhibits) if trial else (),
    )


def _cell(score: Score | NotMeasured, reasons: dict[str, int]) -> Cell:
    if isinstance(score, NotMeasured):
        return Cell(footnote=reasons.setdefault(score.reason, len(reasons) + 1))
    return Cell(number(score.value), span(score.low, score.high) if score.n else "")


def _counts(trial: Trial | None, models: Sequence[Outcome]) -> Iterable[str]:
    for outcome in models:
        if trial:
            leaked, asked = trial.counts[outcome.method]
            yield f"{model_title(outcome.method)} {leaked} of {asked}"


def _display(exhibit: Exhibit, models: Sequence[Outcome]) -> Display:
    answers = (
        judged(exhibit.answers[o.method], exhibit.gold, unlearned=not o.reference, wanted=False)
        if o.method in exhibit.answers
        else None
        for o in models
    )
    return Display(Question("memory", shown(exhibit.question), shown(exhibit.gold)), tuple(answers))


def _focus(models: Sequence[Outcome], best: str | None) -> int | None:
    methods = [place for place, o in enumerate(models) if not o.reference]
    if best is not None:
        return next(place for place in methods if models[place].method == best)
    return methods[0] if len(methods) == 1 else None


def _summary(models: Sequence[Outcome], focus: int | None, attempts: Sequence[Attempt]) -> str:
    """What the attacks found in the method in focus, beside the retrained model."""
    floor = next((place for place, o in enumerate(models) if o.method == RETRAINED), None)
    if focus is None:
        return ""
    name = models[focus].method
    if floor is None:
        return f"Without a retrained model nobody can say which of these numbers of {name} are mere guessing."
    found = [(a.title, a.scores[focus], a.scores[floor]) for a in attempts]
    both = [(t, now, base) for t, now, base in found if isinstance(now, Score) and isinstance(base, Score)]
    if not both:
        return f"No attack was measured both for {name} and for the retrained model."
    back = [(t, now, base) for t, now, base in both if now.value - base.value > CAME_BACK and now.low > base.value]
    if not back:
        return (
            f"{_attacks(len(both))} on {name}: none gets clearly more out of it than out of the retrained model under "
            "the same attack."
        )
    title, now, base = max(back, key=lambda entry: entry[1].value - entry[2].value)
    return (
        f"{_attacks(len(both))} on {name}: {listed(t for t, _, _ in back)} {'gets' if len(back) == 1 else 'get'} "
        f"clearly more out of it than out of the retrained model under the same attack; {title} most, "
        f"{percent(now.value)} beside {percent(base.value)}."
    )


def _attacks(count: int) -> str:
    return "One attack" if count == 1 else f"{count} attacks"
