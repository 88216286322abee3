"""What a report is made of: plain values, so that a page can be rendered anywhere and twice the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from benign.audit.probes.saved import Saved
from benign.audit.score import Scoreboard
from benign.data.record import Kind
from benign.errors import NotMeasured


@dataclass(frozen=True)
class Example:
    """One question about one picture, with what every model says to it."""

    split: str
    kind: Kind
    question: str
    gold: str
    original: str
    """The original model's answer."""
    retrained: str | None = None
    """The retrained model's answer, where there is such a model."""
    answers: Mapping[str, str] = field(default_factory=dict)
    """The answer now, by method."""
    picture: bytes | None = field(default=None, repr=False)
    """The picture file's bytes; None for a question by words alone."""
    alt: str = ""
    """What the picture shows, for those who cannot see it; a neutral phrase if empty."""


@dataclass(frozen=True)
class Exhibit:
    """One question of an attack, as it was asked, with what every model answered to it."""

    question: str
    gold: str
    answers: Mapping[str, str]
    """By model: the original, the retrained one, and every method."""


@dataclass(frozen=True)
class Trial:
    """The evidence behind one attack's numbers."""

    attack: str
    """The attack's column on the scoreboard."""
    counts: Mapping[str, tuple[int, int]]
    """By model: how many answers hold the forgotten one, and how many answers there are."""
    exhibits: tuple[Exhibit, ...] = ()
    """The questions that show most."""


@dataclass(frozen=True)
class LayerMask:
    """What SMFA's mask did to one linear module."""

    module: str
    layer: int
    projection: str
    masked: float
    """Share of the module's entries that were put back to the original, 0 to 1."""
    rho: float | None = None
    """Norm of the forgetting change over the norm of the anchor's; None where k is infinite."""


@dataclass(frozen=True)
class LayerCurves:
    """What one diagnostic saw in every decoder layer, model by model."""

    name: str
    title: str
    meaning: str
    """What a number is, and what its two ends are."""
    lines: Mapping[str, tuple[float | None, ...]]
    """By method, one number per layer from 0 to 1; None where a layer has none."""


@dataclass(frozen=True)
class Portrait:
    """What the method of a row is."""

    method: str
    """The row's name."""
    summary: str
    """What it does, in a sentence or two."""
    facts: tuple[tuple[str, str], ...] = ()
    """Its kind, its needs, its parts on each axis, its papers and so on: a name and a text each."""


@dataclass(frozen=True)
class Page:
    """Everything that a report shows."""

    title: str
    scoreboard: Scoreboard
    examples: tuple[Example, ...] = ()
    masks: tuple[LayerMask, ...] = ()
    reproduce: tuple[str, ...] = ()
    """Commands that lead to this page again."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """Model, data, seeds, hardware, versions: what a reader needs to place the numbers."""
    trials: tuple[Trial, ...] = ()
    """The attacks' evidence, where it is at hand."""
    probes: Saved | NotMeasured | None = None
    """What `benign probe` found; a reason where what lies there is not about this audit, None where nobody probed."""
    layers: tuple[LayerCurves, ...] = ()
    """What the diagnostics saw, where any looked at layers."""
    portraits: tuple[Portrait, ...] = ()
    """What the rows' methods are, where a run's recipe is at hand."""
    threshold: float = 0.5
    """The memorisation gap below which nothing is ranked."""
    artefacts: tuple[str, ...] = ()
    """Files and folders, kept after the run, that still hold forget data."""
