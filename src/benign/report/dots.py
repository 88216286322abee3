"""The attack panel's picture: a line per attack, and on it every model where the attack left it."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benign.audit.score import ORIGINAL, RETRAINED, Score
from benign.report.attacks import Attempt, Panel
from benign.report.canvas import ACCENT, BAD, INK, LINE, MUTED, SIZE, drawing, short, text_width
from benign.report.words import percent

_LINE = 0.3
"""Inches from attack to attack."""
_WIDTHS = (9.4, 4.0)
"""Inches, for a desktop and for a phone."""
_TICKS = {0.0: "0", 0.25: "", 0.5: "50 %", 0.75: "", 1.0: "100 %"}


def dots(panel: Panel, *, narrow: bool = False) -> str:
    """How much each attack gets out of every model: squares are the original, diamonds the retrained model."""
    told = "; ".join(
        f"{attempt.title}: {', '.join(_said(panel, attempt)) or 'not measured'}" for attempt in panel.attempts
    )
    width = _WIDTHS[narrow]
    left = max(text_width(short(attempt.title)) for attempt in panel.attempts) / 72 + 0.15
    size = (width, _LINE * len(panel.attempts) + 0.45)

    def draw(figure: Figure) -> None:
        axes = figure.add_axes((left / size[0], 0.34 / size[1], 1 - (left + 0.3) / size[0], 1 - 0.4 / size[1]))
        axes.set(xlim=(-0.02, 1.02), ylim=(len(panel.attempts) - 0.4, -0.6))
        axes.set_xticks(list(_TICKS), list(_TICKS.values()))
        axes.set_yticks(range(len(panel.attempts)), [short(a.title) for a in panel.attempts], parse_math=False)
        axes.tick_params(length=0, axis="y", labelcolor=INK)
        axes.tick_params(length=0, axis="x", labelsize=SIZE - 1)
        axes.grid(axis="x", linewidth=0.7)
        axes.set_axisbelow(True)
        axes.spines["left"].set_visible(False)
        for row, attempt in enumerate(panel.attempts):
            _row(axes, panel, attempt, row)

    name = f"attacks-{'narrow' if narrow else 'wide'}"
    return drawing(name, "How much each attack gets out of each model", f"{told}.", *size, draw)


def _row(axes: Axes, panel: Panel, attempt: Attempt, row: int) -> None:
    values = {o.method: s for o, s in zip(panel.models, attempt.scores, strict=True) if isinstance(s, Score)}
    if not values:
        axes.text(0.01, row, "not measured", va="center_baseline", color=MUTED, fontsize=SIZE - 1.5)
        return
    axes.plot([0, 1], [row, row], color=LINE, linewidth=0.7, zorder=1)
    focus = None if panel.focus is None else panel.models[panel.focus].method
    for outcome in panel.models:
        score = values.get(outcome.method)
        if score is None:
            continue
        stressed = outcome.method == focus
        color = ACCENT if stressed else BAD if outcome.destroyed else INK if outcome.reference else MUTED
        marker = {ORIGINAL: "s", RETRAINED: "D"}.get(outcome.method, "X" if outcome.destroyed else "o")
        if score.n and (stressed or outcome.reference):
            axes.plot([score.low, score.high], [row, row], color=color, linewidth=2.2, alpha=0.45, zorder=2)
        face = "none" if outcome.reference else color
        axes.plot(
            [score.value], [row], marker, markersize=8 if stressed else 6, markerfacecolor=face, markeredgecolor=color,
            clip_on=False, zorder=4 if stressed else 3,
        )  # fmt: skip


def _said(panel: Panel, attempt: Attempt) -> list[str]:
    pairs = zip(panel.models, attempt.scores, strict=True)
    return [f"{o.method} {percent(score.value)}" for o, score in pairs if isinstance(score, Score)]
