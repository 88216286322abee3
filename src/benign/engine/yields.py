"""What the stages of a recipe yield to those after them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from benign.engine.guard import Fitted
from benign.errors import UserError
from benign.models.change import Delta
from benign.models.measured import Measured


@dataclass(frozen=True)
class Yield:
    """What a stage yielded and what it cost, also when it was trained by an earlier run."""

    delta: Delta | None
    seconds: float
    peak_rss_mb: float
    facts: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    log: str = ""
    measured: Measured | None = None
    guard: Fitted | None = None
    weights: str = ""


def delta_of(name: str, done: Mapping[str, Yield]) -> Delta:
    """The delta that the stage of this name yielded.

    Raises:
        UserError: It yielded none.
    """
    found = done[name].delta
    if found is None:
        raise UserError(f"stage {name!r} yields no delta, and an edit cannot take anything else", where="recipe")
    return found


def measured_of(name: str, done: Mapping[str, Yield]) -> Measured:
    """The statistic that the stage of this name measured.

    Raises:
        UserError: There is no such earlier stage, or it measured none.
    """
    found = done[name].measured if name in done else None
    if found is None:
        raise UserError(f"no earlier stage {name!r} measures a curvature", where="recipe")
    return found
