"""Requests that came one after another, for a reader: every column over their number, as a picture and a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benign.audit.ranking import mean_rows
from benign.audit.score import ORIGINAL, RETRAINED, Score, Scoreboard
from benign.data.atomic import write_text
from benign.report.canvas import ACCENT, BAD, INK, LINE, MUTED, SIZE, drawing, short
from benign.report.html import stylesheet, template
from benign.report.words import number

_COLORS = (ACCENT, BAD, INK, MUTED)
_MARKERS = "osD^vPX<>"
_PANEL = (2.45, 2.1)
"""Inches."""
_ACROSS = 4


@dataclass(frozen=True)
class Curve:
    """One method's numbers in one column."""

    method: str
    points: Mapping[int, Score]
    """By how many requests were met; the original's number is at 0."""


def curves(boards: Mapping[int, Scoreboard], column: str) -> tuple[Curve, ...]:
    """Every method's numbers in a column, means over its seeds, in the order of the scoreboards."""
    found: dict[str, dict[int, Score]] = {}
    first: Score | None = None
    for met, board in sorted(boards.items()):
        for row in mean_rows(board.rows):
            score = row.metrics.get(column)
            if isinstance(score, Score) and row.method == ORIGINAL:
                first = first or score
            elif isinstance(score, Score) and row.method != RETRAINED:
                found.setdefault(row.method, {})[met] = score
    start = {} if first is None else {0: first}
    return tuple(Curve(method, start | points) for method, points in found.items())


def goal(boards: Mapping[int, Scoreboard], column: str) -> float | None:
    """The retrained model's number in a column; None where there is none."""
    for _, board in sorted(boards.items()):
        row = board.row(RETRAINED)
        if row is not None and (value := row.value(column)) is not None:
            return value
    return None


def picture(boards: Mapping[int, Scoreboard], shown: Mapping[str, str]) -> str:
    """A panel per column: the number over the requests, a line per method; dashed is the retrained model's."""
    panels = [(title, curves(boards, name), goal(boards, name)) for name, title in shown.items()]
    methods = list(dict.fromkeys(curve.method for _, lines, _ in panels for curve in lines))
    told = "; ".join(
        f"{title}, {curve.method}: {', '.join(number(score.value) for _, score in sorted(curve.points.items()))}"
        for title, lines, _ in panels
        for curve in lines
    )
    across = min(_ACROSS, max(1, len(panels)))
    down = -(-max(1, len(panels)) // across)
    size = (_PANEL[0] * across, _PANEL[1] * down + 0.35)

    def draw(figure: Figure) -> None:
        grid = figure.subplots(down, across, squeeze=False).ravel()
        figure.subplots_adjust(
            left=0.06, right=0.985, top=1 - 0.68 / size[1], bottom=0.5 / size[1], hspace=0.5, wspace=0.3
        )
        for axes, (title, lines, ideal) in zip(grid, panels, strict=False):
            _panel(axes, title, lines, ideal, methods, max(boards))
        for axes in grid[len(panels) :]:
            axes.set_visible(False)
        handles = [grid[0].plot([], [], _marker(i), color=_color(i), markersize=6)[0] for i in range(len(methods))]
        names = [short(method) for method in methods]
        figure.legend(handles, names, loc="upper left", ncols=max(1, len(methods)), frameon=False, fontsize=SIZE - 1)

    return drawing("in-turn", "Each number over the requests that were met", f"{told}.", *size, draw)


def write_in_turn(boards: Mapping[int, Scoreboard], shown: Mapping[str, str], path: str | Path) -> Path:
    """Write picture and table as one HTML file that loads nothing.

    Args:
        boards: The scoreboards by how many requests were met.
        shown: The columns' titles by their names.
        path: The file.

    Raises:
        UserError: The place cannot be written.
    """
    counts = [0, *sorted(boards)]
    tables = [
        (title, [(curve.method, _cells(curve, counts)) for curve in curves(boards, name)], _told(goal(boards, name)))
        for name, title in shown.items()
    ]
    page = template("in_turn.html.j2").render(
        title=boards[max(boards)].benchmark,
        counts=counts,
        tables=tables,
        picture=Markup(picture(boards, shown)),
        style=Markup(stylesheet()),
    )
    write_text(path, page)
    return Path(path)


def _cells(curve: Curve, counts: Sequence[int]) -> list[str]:
    return [number(curve.points[met].value) if met in curve.points else "–" for met in counts]


def _told(value: float | None) -> str:
    return "–" if value is None else number(value)


def _panel(
    axes: Axes, title: str, lines: Sequence[Curve], ideal: float | None, methods: Sequence[str], most: int
) -> None:
    axes.set_title(title, loc="left", fontsize=SIZE - 1, color=MUTED, parse_math=False)
    axes.set_xticks(range(most + 1))
    axes.set_xlim(-0.2, most + 0.2)
    axes.tick_params(length=0, labelsize=SIZE - 2)
    axes.grid(axis="y", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.set_xlabel("requests met", fontsize=SIZE - 2)
    if ideal is not None:
        axes.axhline(ideal, color=INK, linewidth=1.0, linestyle="--", zorder=1)
    for curve in lines:
        place = methods.index(curve.method)
        xs, ys = zip(*((met, score.value) for met, score in sorted(curve.points.items())), strict=True)
        axes.plot(xs, ys, color=LINE, linewidth=3.0, zorder=2)
        axes.plot(xs, ys, f"{_marker(place)}-", color=_color(place), linewidth=1.3, markersize=4.5, zorder=3)


def _color(place: int) -> str:
    return _COLORS[place % len(_COLORS)]


def _marker(place: int) -> str:
    return _MARKERS[place % len(_MARKERS)]
