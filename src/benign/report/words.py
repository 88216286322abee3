"""Numbers and names as a person reads them."""

from __future__ import annotations

import math
from collections.abc import Iterable

from benign.audit.columns import column
from benign.audit.score import ORIGINAL, RETRAINED

LONGEST = 600
"""An answer is shown up to so many characters: a broken model can talk for ever."""


def percent(share: float) -> str:
    """A share as whole percents; above 0 and below 1 it is never rounded to nothing or to all."""
    if 0 < share < 0.005:
        return "under 1\u00a0%"
    if 0.995 <= share < 1:
        return "over 99\u00a0%"
    return f"{share * 100:.0f}\u00a0%"


def number(value: float) -> str:
    """A score with two decimals, and no minus sign before nothing."""
    text = f"{value:.2f}"
    return "0.00" if text == "-0.00" else text.replace("-", "\N{MINUS SIGN}")


def span(low: float, high: float) -> str:
    """An interval's two ends."""
    return f"{number(low)} to {number(high)}"


def duration(seconds: float) -> str:
    """A span of time: seconds, or minutes and seconds."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = math.floor(seconds + 0.5)
    return f"{whole} s" if whole < 120 else f"{whole // 60} min {whole % 60:02d} s"


def listed(items: Iterable[str]) -> str:
    """Items as a sentence lists them: ``a``, ``a and b``, ``a, b and c``."""
    names = list(items)
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def titled(name: str) -> str:
    """A column's title; the bare name of a column that this version does not know."""
    known = column(name)
    return known.title if known else name


def model_title(method: str) -> str:
    """How a row is called: the two references in words, a method by its name."""
    return {ORIGINAL: "original model", RETRAINED: "retrained model"}.get(method, method)


def shown(text: str) -> str:
    """A model's answer fit for a page: valid Unicode, and no longer than :data:`LONGEST`."""
    clean = text.encode("utf-8", "replace").decode().strip()
    if len(clean) <= LONGEST:
        return clean
    return f"{clean[:LONGEST]} … ({len(clean) - LONGEST} more characters)"
