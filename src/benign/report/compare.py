"""A comparison of two systems for a reader: the verdict in words, a table, and a picture of the differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benign.audit.comparison import Comparison, Line
from benign.audit.paired import Paired
from benign.data.atomic import write_text
from benign.errors import NotMeasured
from benign.report.canvas import ACCENT, BAD, INK, LINE, MUTED, SIZE, drawing, text_width
from benign.report.compare_words import names as names
from benign.report.compare_words import neutral
from benign.report.compare_words import words as words
from benign.report.html import stylesheet, template
from benign.report.words import number, span


@dataclass(frozen=True)
class Row:
    """A line of the table, as text."""

    title: str
    better: str
    a: str
    b: str
    difference: str
    interval: str
    p: str
    corrected: str
    winner: str
    """The better side's name; empty where no difference is shown, or where neither is better for it."""
    goal: str = ""
    """The retrained model's number; empty where there is none."""
    neutral: bool = False
    """Whether the column counts for no side."""


@dataclass(frozen=True)
class Absent:
    """Columns that could not be compared, for one reason."""

    titles: tuple[str, ...]
    reason: str


def rows(comparison: Comparison) -> tuple[Row, ...]:
    """The table's lines, in the order of the columns; those that were not compared are :func:`absent`."""
    a, b = names(comparison)
    winner = {"a": a, "b": b, "neither": ""}
    made = []
    for line in comparison.lines:
        found, apart = line.found, neutral(line)
        if not isinstance(found, Paired) or line.corrected is None:
            continue
        made.append(
            Row(
                line.column.title,
                _arrow(line),
                number(found.a),
                number(found.b),
                number(found.difference.value),
                span(found.difference.low, found.difference.high),
                probability(found.p),
                probability(line.corrected),
                "" if apart else winner[line.winner],
                "" if line.goal is None else number(line.goal),
                apart,
            )
        )
    return tuple(made)


def absent(comparison: Comparison) -> tuple[Absent, ...]:
    """The columns that were not compared, by reason."""
    reasons: dict[str, list[str]] = {}
    for line in comparison.lines:
        if isinstance(line.found, NotMeasured):
            reasons.setdefault(line.found.reason, []).append(line.column.title)
    return tuple(Absent(tuple(titles), reason) for reason, titles in reasons.items())


def probability(p: float) -> str:
    """A p-value with as many places as it deserves."""
    return "under 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def forest(comparison: Comparison) -> str:
    """The differences with their intervals, turned so that the first system is better to the right; a gap stands
    between forgetting, keeping and health, and what counts for no side is hollow."""
    measured = [(line, line.found) for line in comparison.lines if isinstance(line.found, Paired)]
    places = _places([line for line, _ in measured])
    a, b = names(comparison)
    told = "; ".join(f"{line.column.title}: {number(found.difference.value)}" for line, found in measured)
    size = (7.4, 0.3 * (max(places, default=0.0) + 1) + 0.9)
    longest = max((text_width(line.column.title) for line, _ in measured), default=0.0) / 72 + 0.15

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        left, bottom = longest / size[0], 0.5 / size[1]
        figure.subplots_adjust(left=left, right=0.98, top=1 - 0.3 / size[1], bottom=bottom)
        axes.axvline(0.0, color=LINE, linewidth=1.2, zorder=1)
        for place, (line, found) in zip(places, measured, strict=True):
            _interval(axes, place, line, found)
        axes.set_ylim(max(places, default=0.0) + 0.6, -0.6)
        reach = max((abs(x) for line, found in measured for x in _turned(line, found)), default=0.0) or 1.0
        axes.set_xlim(-1.05 * reach, 1.05 * reach)
        axes.set_yticks(places, [line.column.title for line, _ in measured], parse_math=False)
        axes.tick_params(length=0)
        axes.tick_params(axis="y", labelcolor=INK)
        axes.spines["left"].set_visible(False)
        axes.set_title(f"← {b} is better", loc="left", fontsize=SIZE - 1, color=MUTED, parse_math=False)
        axes.set_title(f"{a} is better →", loc="right", fontsize=SIZE - 1, color=MUTED, parse_math=False)
        axes.set_xlabel("difference, as a share of the column's range", fontsize=SIZE - 1)

    return drawing("forest", f"Differences between {a} and {b} with 95 % intervals", f"{told}.", *size, draw)


def write_comparison(comparison: Comparison, path: str | Path) -> Path:
    """Write words, picture and table as one HTML file that loads nothing.

    Raises:
        UserError: The place cannot be written.
    """
    a, b = names(comparison)
    page = template("compare.html.j2").render(
        a=a,
        b=b,
        comparison=comparison,
        words=words(comparison),
        rows=rows(comparison),
        absent=absent(comparison),
        goals=any(line.goal is not None for line in comparison.lines),
        forest=Markup(forest(comparison)),
        style=Markup(stylesheet()),
    )
    write_text(path, page)
    return Path(path)


def _arrow(line: Line) -> str:
    """Which way is better, as a sign; where the goal lies in between, the goal."""
    if line.column.chance is not None:
        return f"→ {number(line.column.chance if line.goal is None else line.goal)}"
    return "" if neutral(line) else {"lower": "↓", "higher": "↑"}[line.column.better]


def _places(lines: Sequence[Line]) -> list[float]:
    """Where the lines stand, from the top; a gap between sections."""
    found: list[float] = []
    for before, line in zip([None, *lines], lines, strict=False):
        step = 0.0 if before is None else 1.0 if before.column.section == line.column.section else 1.6
        found.append(found[-1] + step if found else 0.0)
    return found


def _turned(line: Line, found: Paired) -> tuple[float, float, float]:
    """Low end, value and high end as shares of the column's range, positive where the first is better."""
    low, high = line.column.bounds
    scale = (1.0 if line.better == "higher" else -1.0) / (high - low)
    ends = sorted((found.difference.low * scale, found.difference.high * scale))
    return ends[0], found.difference.value * scale, ends[1]


def _interval(axes: Axes, place: float, line: Line, found: Paired) -> None:
    low, value, high = _turned(line, found)
    apart = neutral(line)
    color = MUTED if apart else {"a": ACCENT, "b": BAD, "neither": MUTED}[line.winner]
    axes.plot([low, high], [place, place], color=color, linewidth=1.6, zorder=2)
    face = "none" if apart else color
    axes.plot([value], [place], "o", markersize=6, markerfacecolor=face, markeredgecolor=color, zorder=3)


def listing(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """The table as text for a terminal: its heads, and its lines."""
    found = rows(comparison)
    goals = any(row.goal for row in found)
    heads = ["", *names(comparison), *(["retrained"] if goals else []), "difference", "95 %", "corrected p", "better"]
    lines = [
        [f"{row.title} {row.better}", row.a, row.b, *([row.goal or "-"] if goals else []), row.difference, row.interval,
         row.corrected, "counts for neither" if row.neutral else row.winner or "not shown"]
        for row in found
    ]  # fmt: skip
    return heads, lines
