"""The scoreboard as tables: a compact one, the rest by section, the best marked, absences as footnotes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benign.audit.columns import COLUMNS, Column, column
from benign.audit.diagnostic_columns import INSIDE
from benign.audit.score import RETRAINED, Score, Scoreboard
from benign.errors import NotMeasured
from benign.report.tradeoff import Outcome, outcomes
from benign.report.words import model_title, number, span

MAIN = (
    "memory_rouge", "memory_choice", "memory_truth", "memory_paraphrased", "memory_text", "relearned_memory",
    "understanding_forget", "retained_memory", "general", "refusal_retain", "meaningful",
)  # fmt: skip
"""The columns of the compact table: what was forgotten, what comes back, what stayed, whether it is still sane. Of what
was forgotten, choice and true-or-false are the ones that deserve most trust (docs/judges.md)."""
SECTIONS = {
    "forget": "More on what was forgotten",
    "keep": "More on what was kept",
    "health": "More on health",
    "S-MLLMUn": "The benchmark's own measures (S-MLLMUn)",
    "TOFU": "More by truth ratio and probability (TOFU)",
    "MUSE": "More by the text itself (MUSE, MEOW)",
    "membership": "More membership inference",
    "texts": "More about the texts",
    "sampled": "More by sampling",
    "inside": "Inside the models",
    "other": "Other columns",
}


@dataclass(frozen=True)
class Head:
    """A column's head; ``better`` is empty for a column that this version does not know."""

    name: str
    title: str
    better: str
    meaning: str


@dataclass(frozen=True)
class Cell:
    """A number with its interval (empty if there is none), or the number of the footnote that says why not."""

    text: str = ""
    interval: str = ""
    best: bool = False
    footnote: int = 0


@dataclass(frozen=True)
class Line:
    """A model's line."""

    method: str
    title: str
    reference: bool
    destroyed: bool
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """A table ready to be shown; columns without a single number are left out (the page lists them elsewhere)."""

    section: str
    caption: str
    heads: tuple[Head, ...]
    lines: tuple[Line, ...]
    footnotes: tuple[str, ...]


def tables(scoreboard: Scoreboard, *, marked: bool = True) -> tuple[Table, ...]:
    """The compact table first, then one per section for the columns that it leaves out; empty ones do not appear.

    Args:
        scoreboard: The rows, in the order in which they are shown.
        marked: Whether to mark the best; where nothing can be ranked, nothing is best.
    """
    rows = outcomes(scoreboard)
    names = [c.name for c in (*COLUMNS, *INSIDE)] + sorted(
        {n for o in rows for n in o.row.metrics if column(n) is None}
    )
    made = [_table("main", "Scoreboard", MAIN, rows, marked)]
    for section, caption in SECTIONS.items():
        rest = [name for name in names if name not in MAIN and _section(name) == section]
        made.append(_table(section, caption, rest, rows, marked))
    return tuple(table for table in made if table.heads)


def best_of(name: str, rows: Sequence[Outcome]) -> frozenset[str]:
    """The methods that are best in a column, among those that are not destroyed; none where all are alike.

    What shows in the table decides: methods whose numbers look the same are best together. Where less is better
    because it was to be forgotten, the retrained model is the goal and less than it earns nothing.
    """
    known = column(name)
    if known is None:
        return frozenset()
    floor = _floor(known, rows)
    values = {
        o.method: round(value if floor is None else max(floor, value), 2)
        for o in rows
        if not o.reference and not o.destroyed and (value := o.row.value(name)) is not None
    }
    if len(set(values.values())) < 2:
        return frozenset()
    best = min(values.values()) if known.better == "lower" else max(values.values())
    return frozenset(method for method, value in values.items() if value == best)


def _floor(known: Column, rows: Sequence[Outcome]) -> float | None:
    if known.better == "higher" or known.section == "health":
        return None
    return next((o.row.value(known.name) for o in rows if o.method == RETRAINED), None)


def _section(name: str) -> str:
    known = column(name)
    return known.section if known else "other"


def _table(section: str, caption: str, names: Sequence[str], rows: Sequence[Outcome], marked: bool) -> Table:
    measured = [name for name in names if any(o.row.value(name) is not None for o in rows)]
    best = {name: best_of(name, rows) if marked else frozenset() for name in measured}
    reasons: dict[str, int] = {}
    lines = tuple(_line(o, measured, best, reasons) for o in rows)
    return Table(section, caption, tuple(_head(name) for name in measured), lines, tuple(reasons))


def _head(name: str) -> Head:
    known = column(name)
    return Head(name, known.title, known.better, known.meaning) if known else Head(name, name, "", "")


def _line(outcome: Outcome, names: Sequence[str], best: dict[str, frozenset[str]], reasons: dict[str, int]) -> Line:
    cells = []
    for name in names:
        score = outcome.row.metrics.get(name, NotMeasured("not on this scoreboard"))
        if isinstance(score, Score):
            interval = span(score.low, score.high) if score.n else ""
            cells.append(Cell(number(score.value), interval, outcome.method in best[name]))
        else:
            cells.append(Cell(footnote=reasons.setdefault(score.reason, len(reasons) + 1)))
    title = model_title(outcome.method)
    return Line(outcome.method, title, outcome.reference, outcome.destroyed, tuple(cells))
