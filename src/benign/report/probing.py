"""The probes' panel: what the original knows about the forgotten, asked in other ways, and who still tells it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from benign.audit.probes.chains import tells
from benign.audit.probes.saved import Asked, Saved
from benign.audit.score import ORIGINAL, RETRAINED, Score
from benign.errors import NotMeasured
from benign.report.attacks import Display
from benign.report.examples import Question, judged
from benign.report.table import Cell
from benign.report.words import listed, model_title, number, percent, shown, span

MOST = 6
"""At most so many questions are shown of a kind."""
ROWS = {
    "single_hop": ("Single hop", "Each fact that the original knows, asked by the subject's name."),
    "paraphrase": ("In other words", "The same facts in other wordings of the question."),
    "alias": ("Under another name", "The same facts under initials, the last name, a title, a misspelling, an alias."),
    "multi_hop": ("Multi-hop", "The same facts in chains of two and more, or told by another fact and not by name."),
    "retained": ("To be kept", "Facts about others, next to the forgotten: these must stay."),
    "residual": ("Lost by name only", "Facts that are not told by name and are told in another way."),
    "overall": ("Overall", "Harmonic mean of what is gone of the forgotten and what is left of the others; 1 is best."),
}
"""The rows of ``probes.json`` in the order in which they are shown, with their titles and meanings."""
KEPT = "retained"


@dataclass(frozen=True)
class Way:
    """One row: one way of asking."""

    name: str
    title: str
    meaning: str
    cells: tuple[Cell, ...]
    """By model, in the panel's order."""
    counts: tuple[str, ...]
    """In words, how many answers of each model hold the expected one."""
    shown: tuple[str, ...]
    """The models whose answers are shown, by their titles."""
    displays: tuple[Display, ...]


@dataclass(frozen=True)
class Probing:
    """All ways of asking."""

    models: tuple[str, ...]
    ways: tuple[Way, ...]
    summary: str
    footnotes: tuple[str, ...]


def probing(saved: Saved) -> Probing:
    """The panel of saved probes."""
    reasons: dict[str, int] = {}
    ways = tuple(_way(name, saved, reasons) for name in ROWS)
    return Probing(tuple(map(model_title, saved.numbers)), ways, _summary(saved), tuple(reasons))


def _way(name: str, saved: Saved, reasons: dict[str, int]) -> Way:
    asked = [probe for probe in saved.asked if probe.kind == name]
    # What tells the systems apart is shown first: the answers of a method, and not those of the two references.
    told = sorted(asked, key=lambda probe: _telling(probe, kept=name == KEPT), reverse=True)
    methods = tuple(saved.numbers) if asked else ()
    return Way(
        name,
        *ROWS[name],
        tuple(_cell(rows.get(name, NotMeasured("not asked")), reasons) for rows in saved.numbers.values()),
        tuple(_counts(asked, methods)),
        tuple(map(model_title, methods)),
        tuple(_display(probe, methods) for probe in told[:MOST]),
    )


def _telling(probe: Asked, *, kept: bool) -> int:
    others = [text for name, text in probe.said.items() if name not in (ORIGINAL, RETRAINED)]
    given = sum(tells(text, probe.answers) for text in others)
    return len(others) - given if kept else given


def _cell(score: Score | NotMeasured, reasons: dict[str, int]) -> Cell:
    if isinstance(score, NotMeasured):
        return Cell(footnote=reasons.setdefault(score.reason, len(reasons) + 1))
    # Few chains are left after the check on the original, and then the number says little.
    return Cell(number(score.value), f"{span(score.low, score.high)}, n = {score.n}")


def _counts(asked: Sequence[Asked], methods: Iterable[str]) -> Iterable[str]:
    for name in methods:
        given = sum(tells(probe.said.get(name, ""), probe.answers) for probe in asked)
        yield f"{model_title(name)} {given} of {len(asked)}"


def _display(probe: Asked, methods: Sequence[str]) -> Display:
    answers = (
        judged(
            probe.said[name],
            next((one for one in probe.answers if tells(probe.said[name], (one,))), probe.answers[0]),
            unlearned=name not in (ORIGINAL, RETRAINED),
            wanted=probe.kind == KEPT,
        )
        if name in probe.said
        else None
        for name in methods
    )
    kind = "to be kept" if probe.kind == KEPT else "memory"
    return Display(Question(kind, shown(probe.question), shown(" or ".join(probe.answers))), tuple(answers))


def _summary(saved: Saved) -> str:
    """Which methods lost the question and not the fact."""
    residual: Mapping[str, Score] = {
        name: score
        for name, rows in saved.numbers.items()
        if name not in (ORIGINAL, RETRAINED) and isinstance(score := rows.get("residual"), Score)
    }
    if not residual:
        return ""
    left = {name: score for name, score in residual.items() if score.value > 0}
    if not left:
        return f"No fact that {listed(residual)} would not tell by name came out in another way."
    told = listed(f"{name} ({percent(score.value)} of the facts)" for name, score in left.items())
    return f"Lost by name only: {told}. They are not given when asked by name, and given when asked otherwise."
