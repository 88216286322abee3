"""What a column of a scoreboard is, and how it is made of a metric and the observations that it is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from benign.audit.metrics.bootstrap import UNIT, Bounds
from benign.audit.scope import Scope
from benign.audit.score import Score
from benign.audit.sources import Function, Sources, measure
from benign.errors import NotMeasured

Section = Literal[
    "forget", "keep", "health", "S-MLLMUn", "TOFU", "MUSE", "WMDP", "RWKU", "BLUR", "MLLMU", "CLEAR",
    "UMU", "FIUBench", "MedForget",
    "membership", "texts", "sampled", "inside", "attack",
]  # fmt: skip
Measure = Callable[[Sources], Score | NotMeasured]


@dataclass(frozen=True)
class Column:
    """One column; ``measure`` is None where the numbers come from an attack or a diagnostic, and not from
    observations."""

    name: str
    title: str
    section: Section
    better: Literal["lower", "higher"]
    meaning: str
    measure: Measure | None = None
    bounds: Bounds = UNIT
    more: bool = False
    """Whether only those who ask for more see it: the command line's table leaves it out."""
    chance: float | None = None
    """What a model that never knew has, where that is no end of the range and less is bad again; None elsewhere."""


@dataclass(frozen=True)
class Across:
    """A metric of what its signature needs."""

    metric: Function
    scopes: Mapping[str, Scope] = field(default_factory=dict)
    """Which observations a need gets, where the default (:data:`benign.audit.sources.SCOPES`) will not do."""

    def __call__(self, sources: Sources) -> Score | NotMeasured:
        """Measure, or say which need is missing."""
        return measure(self.metric, sources, self.scopes)


def over(scope: Scope, metric: Function) -> Across:
    """A metric of the observations in one scope."""
    return Across(metric, {"observations": scope})


def across(metric: Function, **scopes: Scope) -> Across:
    """A metric of what its signature needs, with other observations of a split where they are given by name."""
    return Across(metric, scopes)
