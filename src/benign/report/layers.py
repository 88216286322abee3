"""What every layer shows of the forgotten: a line per model, layers from left to right."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benign.audit.score import ORIGINAL, RETRAINED
from benign.report.canvas import ACCENT, INK, MUTED, drawing, short, text_width
from benign.report.page import LayerCurves
from benign.report.words import percent

_STYLES = ("-", "--", ":", "-.")
_MARKERS = ("o", "s", "^", "D", "v")
"""Five of these and four of the above tell twenty methods apart without a colour."""
_TICKS = (0.0, 0.5, 1.0)


def layers_drawing(curves: LayerCurves, *, narrow: bool = False) -> str:
    """The picture of one diagnostic; its text alternative has every number."""
    told = "; ".join(
        f"{method}: {', '.join('none' if v is None else percent(v) for v in line)}"
        for method, line in curves.lines.items()
    )
    names = text_width(short(max(curves.lines, key=lambda name: len(short(name))))) / 72 + 0.2
    # On a phone the names stand below the lines.
    legend = 0.24 * len(curves.lines) + 0.1 if narrow else 0.0
    size = (4.0, 2.5 + legend) if narrow else (7.0, max(2.6, 0.3 * len(curves.lines) + 0.6))

    def draw(figure: Figure) -> None:
        left, below = 0.6 / size[0], (0.5 + legend) / size[1]
        wide = 1 - left - (0.1 if narrow else names + 0.3) / size[0]
        axes = figure.add_axes((left, below, wide, 1 - below - 0.1 / size[1]))
        _lines(axes, curves)
        anchor = (0.0, -0.42 / (size[1] * (1 - below - 0.1 / size[1]))) if narrow else (1.02, 1.0)
        axes.legend(loc="upper left", bbox_to_anchor=anchor, frameon=False, borderaxespad=0, handlelength=1.6)
        for text in axes.get_legend().get_texts():  # type: ignore[union-attr]
            text.set_parse_math(False)

    name = f"layers-{curves.name}-{'narrow' if narrow else 'wide'}"
    return drawing(name, f"{curves.title}, layer by layer", f"{told}.", *size, draw)


def _lines(axes: Axes, curves: LayerCurves) -> None:
    count = max(len(line) for line in curves.lines.values())
    axes.set(xlim=(-0.3, count - 0.7), ylim=(-0.05, 1.08), xlabel="decoder layer")
    axes.set_yticks(_TICKS, [percent(tick) for tick in _TICKS])
    axes.set_xticks(_some(count), [str(layer) for layer in _some(count)])
    axes.grid(axis="y", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)
    others = [method for method in curves.lines if method not in (ORIGINAL, RETRAINED)]
    for method, line in curves.lines.items():
        color = {ORIGINAL: INK, RETRAINED: MUTED}.get(method, ACCENT)
        style = _STYLES[others.index(method) % len(_STYLES)] if method in others else "-"
        marker = _MARKERS[others.index(method) % len(_MARKERS)] if method in others else "o"
        places = [layer for layer, value in enumerate(line) if value is not None]
        values = [value for value in line if value is not None]
        label = short(method)
        # A label that begins so would be left out of the legend.
        label = f"\u200b{label}" if label.startswith("_") else label
        axes.plot(places, values, style, marker=marker, markersize=4, color=color, label=label, linewidth=1.6)


def _some(count: int) -> Sequence[int]:
    """The layers that are numbered: all of a few, every so many of many."""
    return range(0, count, max(1, -(-count // 16)))
