"""Matplotlib drawings as inline SVG: the page's own colours and fonts, nothing loaded, the same bytes every time."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Callable
from typing import Any

import matplotlib
from matplotlib.figure import Figure

INK, MUTED, LINE, ACCENT, BAD = "#010101", "#020202", "#030303", "#040404", "#050505"
"""Stand-ins: each becomes a variable of the page's style, so that a drawing follows light and dark."""
_VARIABLES = {INK: "ink", MUTED: "muted", LINE: "line", ACCENT: "accent", BAD: "bad"}
_PIXELS_PER_INCH = 108
_LONGEST_NAME = 24
SIZE = 10.5
"""Font size, in points."""
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "benign",
    "font.family": "DejaVu Sans",
    "font.size": SIZE,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "grid.color": LINE,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}


def text_width(text: str, size: float = SIZE) -> float:
    """A label's width in points, on the generous side of what a browser's font takes."""
    return 0.62 * size * len(text)


def short(name: str) -> str:
    """A name that leaves room for the drawing; its text alternative has the whole one."""
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}\u2026"


def drawing(
    name: str, title: str, description: str, width: float, height: float, draw: Callable[[Figure], None]
) -> str:
    """An SVG element with its text alternative.

    Args:
        name: Prefix of the element's ids, different for every drawing of a page.
        title: What the drawing is.
        description: What it shows, in words.
        width: In inches.
        height: In inches.
        draw: Draws on the figure.
    """
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        figure = Figure(figsize=(width, height))
        draw(figure)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return _inlined(buffer.getvalue(), name, f"{title}. {description}", width)


def _inlined(svg: str, name: str, told: str, width: float) -> str:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    # An inline element needs no namespaces, and a page without addresses is plainly one that loads nothing.
    svg = re.sub(r' xmlns(?::\w+)?="[^"]*"', "", svg)
    svg = svg.replace("xlink:href", "href")
    svg = re.sub(r'\bid="|href="#|url\(#', lambda reference: f"{reference.group()}{name}-", svg)
    for color, variable in _VARIABLES.items():
        svg = svg.replace(color, f"var(--{variable})")
    svg = re.sub(r"font-family: [^;\"]*;? ?", "", svg)
    found = re.search(r'viewBox="[^"]*"', svg)
    box = found.group() if found else ""
    # Never larger than its text is meant to be, smaller where the window is.
    style = f"max-width:{width * _PIXELS_PER_INCH:.0f}px"
    head = f'<svg {box} class="drawing" style="{style}" role="img" aria-label="{html.escape(told)}">'
    return head + svg[svg.index(">") + 1 :].strip()
