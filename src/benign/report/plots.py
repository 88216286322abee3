"""The report's pictures: forgetting against keeping, and what is forgotten, kept and brought back, method by method."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benign.audit.score import ORIGINAL, RETRAINED, Score, Scoreboard
from benign.errors import NotMeasured
from benign.report.canvas import ACCENT, BAD, INK, LINE, MUTED, SIZE, drawing, short, text_width
from benign.report.labels import Box, place
from benign.report.tradeoff import Outcome, outcomes
from benign.report.words import percent

WIDE, NARROW = (7.0, 5.0), (4.0, 4.4)
"""Inches, for a desktop and for a phone: text keeps its size on both."""
_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
_SHARES = ("0", "25 %", "50 %", "75 %", "100 %")


def tradeoff(scoreboard: Scoreboard, best: str | None, *, narrow: bool = False) -> str:
    """Forgetting to the right, keeping upwards: the good corner is at the top right."""
    points = [
        (o, o.forgotten, o.kept)
        for o in outcomes(scoreboard)
        if isinstance(o.forgotten, Score) and isinstance(o.kept, Score)
    ]
    told = "; ".join(f"{o.method}: forgot {percent(x.value)}, kept {percent(y.value)}" for o, x, y in points)
    size = NARROW if narrow else WIDE

    def draw(figure: Figure) -> None:
        axes = _frame(figure, size)
        for outcome, forgotten, kept in points:
            _point(axes, outcome, forgotten, kept, outcome.method == best)
        _names(axes, size, points, best)

    name = f"tradeoff-{'narrow' if narrow else 'wide'}"
    return drawing(name, "Forgetting against keeping, one point per model", f"{told}.", *size, draw)


def bars(scoreboard: Scoreboard, best: str | None, *, narrow: bool = False) -> str:
    """Three panels: how much is forgotten, how much is kept, how much relearning brings back."""
    found = [o for o in outcomes(scoreboard) if o.method != ORIGINAL]
    panels: list[tuple[str, list[Score | NotMeasured]]] = [
        ("forgotten", [o.forgotten for o in found]),
        ("kept", [o.kept for o in found]),
        ("came back", [o.relearned for o in found]),
    ]
    told = "; ".join(
        f"{o.method}: {', '.join(f'{title} {_said(scores[i])}' for title, scores in panels)}"
        for i, o in enumerate(found)
    )
    longest = max((text_width(short(o.method)) for o in found), default=0.0) / 72 + 0.15
    one = 0.27 * max(len(found), 1)
    size = (NARROW[0], 3 * (one + 0.5)) if narrow else (9.4, one + 0.5)
    panel = size[0] - longest - 0.06 if narrow else (size[0] - longest - 0.5) / 3

    def draw(figure: Figure) -> None:
        shape = (3, 1) if narrow else (1, 3)
        grid = figure.subplots(*shape, squeeze=False, sharey=not narrow).ravel()
        left, top = longest / size[0], 1 - 0.36 / size[1]
        figure.subplots_adjust(left=left, right=0.985, top=top, bottom=0.02, wspace=0.09, hspace=0.42)
        for place_, (axes, (title, scores)) in enumerate(zip(grid, panels, strict=True)):
            _panel(axes, title, found, scores, best)
            # 100 % ends where its number still fits beside it.
            axes.set_xlim(0, panel / (panel - 0.55))
            axes.tick_params(labelleft=narrow or place_ == 0)

    name = f"bars-{'narrow' if narrow else 'wide'}"
    return drawing(name, "Forgotten, kept and brought back, per method", f"{told}.", *size, draw)


def _frame(figure: Figure, size: tuple[float, float]) -> Axes:
    axes = figure.add_axes((0.65 / size[0], 0.55 / size[1], 1 - 0.75 / size[0], 1 - 0.9 / size[1]))
    axes.set(xlim=(-0.04, 1.06), ylim=(-0.04, 1.12), xlabel="forgotten \u2192")
    axes.set_title("\u2191 kept", loc="left", fontsize=SIZE, color=MUTED)
    axes.set_xticks(_TICKS, _SHARES)
    axes.set_yticks(_TICKS, _SHARES)
    axes.grid(linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)
    return axes


def _point(axes: Axes, outcome: Outcome, forgotten: Score, kept: Score, best: bool) -> None:
    color = ACCENT if best else INK if outcome.reference else MUTED
    x, y = forgotten.value, kept.value
    if forgotten.n and kept.n:
        axes.plot([forgotten.low, forgotten.high], [y, y], color=color, linewidth=1.3, alpha=0.55, zorder=2)
        axes.plot([x, x], [kept.low, kept.high], color=color, linewidth=1.3, alpha=0.55, zorder=2)
    marker = {ORIGINAL: "s", RETRAINED: "D"}.get(outcome.method, "X" if outcome.destroyed else "o")
    face = "none" if outcome.reference else BAD if outcome.destroyed else color
    edge = BAD if outcome.destroyed else color
    axes.plot([x], [y], marker, markersize=9 if best else 7, markerfacecolor=face, markeredgecolor=edge, zorder=3)


def _names(
    axes: Axes, size: tuple[float, float], points: Sequence[tuple[Outcome, Score, Score]], best: str | None
) -> None:
    """Labels, the best method's first, so that it gets the nearest spot."""
    ordered = sorted(points, key=lambda point: (point[0].method != best, not point[0].reference))
    # From data to points on the figure: fixed axes, so plain arithmetic and no renderer.
    spot = axes.get_position()
    low_x, high_x, low_y, high_y = *axes.get_xlim(), *axes.get_ylim()
    wide, high = spot.width * size[0] * 72, spot.height * size[1] * 72

    def at(x: float, y: float) -> tuple[float, float]:
        return (x - low_x) / (high_x - low_x) * wide, (y - low_y) / (high_y - low_y) * high

    anchors = [at(x.value, y.value) for _, x, y in ordered]
    taken = [Box(x - 6, y - 6, 12, 12) for x, y in anchors]
    for _, x, y in ordered:
        (left, middle), (right, _) = at(x.low, y.value), at(x.high, y.value)
        (across, bottom), (_, top) = at(x.value, y.low), at(x.value, y.high)
        taken += [Box(left, middle - 2, right - left, 4), Box(across - 2, bottom, 4, top - bottom)]
    sizes = [(text_width(short(o.method)), SIZE * 1.25) for o, _, _ in ordered]
    boxes = place(anchors, sizes, Box(2, 2, wide - 4, high - 4), taken)
    for (outcome, _, _), anchor, box in zip(ordered, anchors, boxes, strict=True):
        _name(axes, outcome, anchor, box, (wide, high), outcome.method == best)


def _name(
    axes: Axes, outcome: Outcome, anchor: tuple[float, float], box: Box, size: tuple[float, float], best: bool
) -> None:
    middle = (box.x + box.width / 2, box.y + box.height / 2)
    nearest = (
        min(max(anchor[0], box.x), box.x + box.width),
        min(max(anchor[1], box.y), box.y + box.height),
    )
    if max(abs(nearest[0] - anchor[0]), abs(nearest[1] - anchor[1])) > 12:
        xs, ys = zip(*((x / size[0], y / size[1]) for x, y in (anchor, nearest)), strict=True)
        axes.plot(xs, ys, color=MUTED, linewidth=0.7, alpha=0.6, transform=axes.transAxes, zorder=1)
    axes.text(
        middle[0] / size[0],
        middle[1] / size[1],
        short(outcome.method),
        transform=axes.transAxes,
        ha="center",
        va="center_baseline",
        color=ACCENT if best else BAD if outcome.destroyed else INK,
        weight="bold" if best else "normal",
        parse_math=False,
    )


def _panel(
    axes: Axes, title: str, found: Sequence[Outcome], scores: Sequence[Score | NotMeasured], best: str | None
) -> None:
    axes.set_title(title, loc="left", fontsize=SIZE, color=MUTED, pad=7)
    axes.set_ylim(len(found) - 0.4, -0.6)
    axes.set_xticks([])
    axes.set_yticks(range(len(found)), [short(o.method) for o in found], parse_math=False)
    axes.tick_params(length=0, labelcolor=INK)
    axes.spines["bottom"].set_visible(False)
    for row, (outcome, score) in enumerate(zip(found, scores, strict=True)):
        if isinstance(score, NotMeasured):
            axes.text(0.02, row, "not measured", va="center_baseline", color=MUTED, fontsize=SIZE - 1.5)
            continue
        color = ACCENT if outcome.method == best else BAD if outcome.destroyed else MUTED
        axes.barh(row, 1.0, height=0.5, color=LINE, alpha=0.55)
        axes.barh(row, score.value, height=0.5, color=color)
        axes.text(1.03, row, percent(score.value), va="center_baseline", color=INK, fontsize=SIZE - 1)


def _said(score: Score | NotMeasured) -> str:
    return str(score) if isinstance(score, NotMeasured) else percent(score.value)
