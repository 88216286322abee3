"""A comparison of two systems for a reader: the verdict in words, a table, and a picture of the differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benign.audit.comparison import LEVEL, Comparison, Line
from benign.audit.paired import Paired
from benign.data.atomic import write_text
from benign.report.canvas import ACCENT, BAD, INK, LINE, MUTED, SIZE, drawing, text_width
from benign.report.html import stylesheet, template
from benign.report.words import listed, number, span

_THINGS = {"forget": "forgetting", "keep": "keeping", "health": "health"}
_VERBS = {"forget": "forgets more", "keep": "keeps more", "health": "is healthier"}
_NOT_BETTER = ("refusal_forget",)
"""To refuse is one way to forget, to invent another: neither is the better one, so it counts for no side."""


@dataclass(frozen=True)
class Words:
    """A comparison as a person says it."""

    headline: str
    sentences: tuple[str, ...]


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
    """The better side's name; empty where no difference is shown."""
    why_not: str = ""
    """The reason where nothing was measured."""


def words(comparison: Comparison) -> Words:
    """The verdict: who forgets more, who keeps more, what was not shown, and on how much it rests."""
    a, b = names(comparison)
    shown = {section: _winners(comparison, section) for section in _THINGS}
    sentences = [_sentence(comparison, section) for section in _THINGS if _of(comparison, section)]
    sentences += _limits(comparison)
    return Words(_headline(shown, a, b), tuple(sentences))


def names(comparison: Comparison) -> tuple[str, str]:
    """What the two are called; A and B are added where they have the same name."""
    if comparison.a != comparison.b:
        return comparison.a, comparison.b
    return f"A ({comparison.a})", f"B ({comparison.b})"


def rows(comparison: Comparison) -> tuple[Row, ...]:
    """The table's lines, in the order of the columns."""
    a, b = names(comparison)
    winner = {"a": a, "b": b, "neither": ""}
    made = []
    for line in comparison.lines:
        found, better = line.found, {"lower": "↓", "higher": "↑"}[line.column.better]
        if not isinstance(found, Paired) or line.corrected is None:
            reason = "" if isinstance(found, Paired) else found.reason
            made.append(Row(line.column.title, better, "", "", "", "", "", "", "", reason))
            continue
        made.append(
            Row(
                line.column.title,
                better,
                number(found.a),
                number(found.b),
                number(found.difference.value),
                span(found.difference.low, found.difference.high),
                probability(found.p),
                probability(line.corrected),
                winner[line.winner],
            )
        )
    return tuple(made)


def probability(p: float) -> str:
    """A p-value with as many places as it deserves."""
    return "under 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def forest(comparison: Comparison) -> str:
    """The differences with their intervals, turned so that the first system is better to the right."""
    measured = [(line, line.found) for line in comparison.lines if isinstance(line.found, Paired)]
    a, b = names(comparison)
    told = "; ".join(f"{line.column.title}: {number(found.difference.value)}" for line, found in measured)
    size = (7.4, 0.3 * max(1, len(measured)) + 0.9)
    longest = max((text_width(line.column.title) for line, _ in measured), default=0.0) / 72 + 0.15

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        left, bottom = longest / size[0], 0.5 / size[1]
        figure.subplots_adjust(left=left, right=0.98, top=1 - 0.3 / size[1], bottom=bottom)
        axes.axvline(0.0, color=LINE, linewidth=1.2, zorder=1)
        for row, (line, found) in enumerate(measured):
            _interval(axes, row, line, found)
        axes.set_ylim(len(measured) - 0.4, -0.6)
        reach = max((abs(x) for line, found in measured for x in _turned(line, found)), default=0.0) or 1.0
        axes.set_xlim(-1.05 * reach, 1.05 * reach)
        axes.set_yticks(range(len(measured)), [line.column.title for line, _ in measured], parse_math=False)
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
        forest=Markup(forest(comparison)),
        style=Markup(stylesheet()),
    )
    write_text(path, page)
    return Path(path)


def _of(comparison: Comparison, section: str) -> list[Line]:
    return [
        line
        for line in comparison.lines
        if line.column.section == section and isinstance(line.found, Paired) and line.column.name not in _NOT_BETTER
    ]


def _winners(comparison: Comparison, section: str) -> set[str]:
    return {str(line.winner) for line in _of(comparison, section)} - {"neither"}


def _headline(shown: dict[str, set[str]], a: str, b: str) -> str:
    parts, open_ = [], []
    for section, winners in shown.items():
        if winners == {"a", "b"}:
            parts.append(f"each is better somewhere in {_THINGS[section]}")
        elif not winners and section != "health":
            open_.append(_THINGS[section])
    for side, name in (("a", a), ("b", b)):
        won = [_VERBS[section] for section, winners in shown.items() if winners == {side}]
        if won:
            parts.append(f"{name} {listed(won)}")
    if not parts:
        return f"No difference between {a} and {b} is shown"
    unshown = f"; no difference in {listed(open_)} is shown" if open_ else ""
    headline = f"{', '.join(parts)}{unshown}"
    return headline if headline.startswith((a, b)) else headline[:1].upper() + headline[1:]


def _sentence(comparison: Comparison, section: str) -> str:
    lines, told = _of(comparison, section), []
    for side, name in zip(("a", "b"), names(comparison), strict=True):
        won = [line.column.title for line in lines if line.winner == side]
        if won:
            told.append(f"{name} is better on {len(won)} of {len(lines)} columns ({listed(map(_quoted, won))})")
    rest = sum(line.winner == "neither" for line in lines)
    if rest:
        told.append(f"no difference is shown on {rest if told else 'any'} of {len(lines)} columns")
    return f"{_THINGS[section].capitalize()}: {'; '.join(told)}."


def _quoted(title: str) -> str:
    return f"\N{LEFT DOUBLE QUOTATION MARK}{title}\N{RIGHT DOUBLE QUOTATION MARK}"


def _limits(comparison: Comparison) -> list[str]:
    found = [line for line in comparison.lines if isinstance(line.found, Paired)]
    told = [f"Both were asked the same {comparison.n} questions; {len(found)} columns are compared."]
    if comparison.left_out:
        told.append(f"{comparison.left_out} questions that only one of them was asked are left out.")
    powerless = [
        line
        for line in found
        if isinstance(line.found, Paired) and line.winner == "neither" and line.found.least_p * len(found) >= LEVEL
    ]
    if powerless:
        units = min(line.found.clusters for line in powerless if isinstance(line.found, Paired))
        columns = listed(_quoted(line.column.title) for line in powerless)
        told.append(
            f"Too few subjects (down to {units}) for any difference to stand out on: {columns}. There the intervals "
            "say more than the test; fewer columns, chosen beforehand, make it less strict."
        )
    return told


def _turned(line: Line, found: Paired) -> tuple[float, float, float]:
    """Low end, value and high end as shares of the column's range, positive where the first is better."""
    low, high = line.column.bounds
    scale = (1.0 if line.column.better == "higher" else -1.0) / (high - low)
    ends = sorted((found.difference.low * scale, found.difference.high * scale))
    return ends[0], found.difference.value * scale, ends[1]


def _interval(axes: Axes, row: int, line: Line, found: Paired) -> None:
    low, value, high = _turned(line, found)
    color = {"a": ACCENT, "b": BAD, "neither": MUTED}[line.winner]
    axes.plot([low, high], [row, row], color=color, linewidth=1.6, zorder=2)
    axes.plot([value], [row], "o", markersize=6, color=color, zorder=3)


def listing(found: Sequence[Row]) -> list[list[str]]:
    """The table as text cells for a terminal: column, A, B, difference, interval, p, corrected p, better."""
    return [
        [f"{row.title} {row.better}", row.a or "-", row.b or "-", row.difference, row.interval, row.p, row.corrected,
         row.winner or row.why_not]
        for row in found
    ]  # fmt: skip
