"""Matplotlib drawings as inline SVG: the page's own colours and fonts, nothing loaded, the same bytes every time."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Callable

import matplotlib
from matplotlib.figure import Figure

INK, MUTED, LINE, ACCENT, PAPER, BAD = "#010101", "#020202", "#030303", "#040404", "#050505", "#060606"
"""Stand-ins: each becomes a variable of the page's style, so that a drawing follows light and dark."""
_VARIABLES = {INK: "ink", MUTED: "muted", LINE: "line", ACCENT: "accent", PAPER: "paper", BAD: "bad"}
SIZE = 10.5
"""Font size, in points."""
_STYLE = {
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


def drawing(name: str, title: str, description: str, width: float, height: float, draw: Callable[[Figure], None]) -> str:
    """An SVG element with a title and a description for those who cannot see it.

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
    return _inlined(buffer.getvalue(), name, title, description)


def _inlined(svg: str, name: str, title: str, description: str) -> str:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    # An inline element needs no namespaces, and a page without addresses is plainly one that loads nothing.
    svg = re.sub(r' xmlns(?::\w+)?="[^"]*"', "", svg)
    svg = svg.replace("xlink:href", "href")
    svg = re.sub(r'(?<=[ (])(id="|href="#|url\(#|\(#)', rf"\g<1>{name}-", svg)
    for color, variable in _VARIABLES.items():
        svg = svg.replace(color, f"var(--{variable})")
    svg = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", svg)
    head = re.search(r'viewBox="[^"]*"', svg)
    box = head.group(0) if head else ""
    told = f"<title>{html.escape(title)}</title><desc>{html.escape(description)}</desc>"
    start = f'<svg {box} class="drawing" role="img" aria-label="{html.escape(f"{title}. {description}")}">{told}'
    return start + svg[svg.index(">") + 1 :].strip()
