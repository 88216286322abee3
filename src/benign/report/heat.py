"""SMFA's mask as a heat map: layers by projections, darker where more of the change was taken back."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from benign.report.canvas import ACCENT, INK, LINE, SIZE, drawing, short, text_width
from benign.report.page import LayerMask
from benign.report.words import percent

_CELL = 0.46
"""Inches; cells shrink where there are many layers."""
_DARKEST = 0.45
"""So strong at most, so that the shares written on it stay readable in light and in dark."""


def heat_map(masks: Sequence[LayerMask], *, narrow: bool = False) -> str:
    """The mask's picture; wide with layers from left to right, narrow with layers from top to bottom.

    Several masks of one module (with and without the picture) show as their mean.
    """
    cells: dict[tuple[int, str], list[float]] = {}
    for mask in masks:
        cells.setdefault((mask.layer, mask.projection), []).append(mask.masked)
    shares = {key: fmean(values) for key, values in cells.items()}
    layers = sorted({layer for layer, _ in shares})
    projections = list(dict.fromkeys(mask.projection for mask in masks))
    told = "; ".join(
        f"layer {layer}: {', '.join(f'{p} {percent(shares[layer, p])}' for p in projections if (layer, p) in shares)}"
        for layer in layers
    )
    top = max(shares.values(), default=0.0) or 1.0
    margin = (0.75 if narrow else max(text_width(short(p)) for p in projections) / 72 + 0.2) if projections else 0.5
    across, down = (len(projections), len(layers)) if narrow else (len(layers), len(projections))
    width = 4.0 if narrow else min(9.4, margin + _CELL * 1.35 * across + 0.1)
    cell = (width - margin - 0.05) / max(across, 1)
    # One size of text in all cells: only where the widest share fits.
    told_in_cells = cell * 72 >= text_width("100 %", SIZE - 3)
    size = (width, (0.62 if narrow else 0.3) + min(_CELL, 0.34) * max(down, 1) + 0.05)

    def draw(figure: Figure) -> None:
        foot = 0.62 if narrow else 0.3
        axes = figure.add_axes((margin / size[0], 0.02, 1 - (margin + 0.05) / size[0], 1 - foot / size[1] - 0.02))
        axes.set(xlim=(0, max(across, 1)), ylim=(max(down, 1), 0))
        for (layer, projection), share in shares.items():
            spot = (layers.index(layer), projections.index(projection))
            _cell(axes, spot[::-1] if narrow else spot, share, share / top, told_in_cells)
        _ticks(axes, layers, projections, narrow)

    name = f"mask-{'narrow' if narrow else 'wide'}"
    return drawing(name, "Share of the forgetting change that the mask took back", f"{told}.", *size, draw)


def _cell(axes: Axes, spot: tuple[int, int], share: float, strength: float, told: bool) -> None:
    x, y = spot
    for color, alpha in ((LINE, 0.6), (ACCENT, _DARKEST * strength)):
        axes.add_patch(Rectangle((x + 0.03, y + 0.04), 0.94, 0.92, facecolor=color, edgecolor="none", alpha=alpha))
    if told:
        axes.text(x + 0.5, y + 0.52, percent(share), ha="center", va="center_baseline", color=INK, fontsize=SIZE - 2)


def _ticks(axes: Axes, layers: Sequence[int], projections: Sequence[str], narrow: bool) -> None:
    every = 1 if len(layers) <= 16 or narrow else 4
    layer_at = [(i + 0.5, f"layer {layer}" if len(layers) <= 8 or narrow else str(layer))
                for i, layer in enumerate(layers) if i % every == 0]  # fmt: skip
    projection_at = [(i + 0.5, short(projection)) for i, projection in enumerate(projections)]
    x, y = (projection_at, layer_at) if narrow else (layer_at, projection_at)
    axes.set_xticks([at for at, _ in x], [text for _, text in x], parse_math=False)
    axes.set_yticks([at for at, _ in y], [text for _, text in y], parse_math=False)
    axes.tick_params(length=0, labelcolor=INK, labeltop=True, labelbottom=False, labelsize=SIZE - 1)
    if narrow:
        axes.tick_params(axis="x", labelrotation=35, labelsize=SIZE - 2)
    for spine in axes.spines.values():
        spine.set_visible(False)
