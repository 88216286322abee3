"""What the method of each row is: the catalogue's words for it, and what the run's own recipe shows."""

from __future__ import annotations

import json
from dataclasses import replace

from benign.audit.run import Audit
from benign.benchmarks.presets import EMBEDDED
from benign.engine import canonical
from benign.engine.recipe import Recipe
from benign.engine.result import Result
from benign.errors import UserError
from benign.methods import catalogue
from benign.methods.derive import of_recipe
from benign.methods.traits import told
from benign.report.page import Portrait

UNNAMED = "No method of the catalogue has this name."


def portraits(audit: Audit) -> tuple[Portrait, ...]:
    """A portrait of each method of which a run is at hand, in the order of the rows; of several seeds the first."""
    runs: dict[str, Result] = {}
    for candidate in audit.candidates:
        if candidate.result:
            runs.setdefault(candidate.name, candidate.result)
    return tuple(_portrait(name, _recipe(result)) for name, result in runs.items())


def _portrait(name: str, recipe: Recipe | None) -> Portrait:
    known = _entry(name)
    named = known.traits if known else None
    # Settings decide what a method is: its own recipe comes before what the catalogue reads off the defaults.
    traits = of_recipe(recipe) if recipe else named
    if traits is None:
        return Portrait(name, known.summary if known else UNNAMED)
    if named:
        traits = replace(traits, papers=named.papers, reconstructed=named.reconstructed, cost=named.cost)
    papers = ", ".join(f"arXiv {paper}" for paper in traits.papers)
    facts = (*told(traits), *([("paper", papers)] if papers else []))
    return Portrait(name, known.summary if known else f"{UNNAMED} Its recipe shows this:", facts)


def _entry(name: str) -> catalogue.Entry | None:
    if name in catalogue.names():
        return catalogue.entry(name)
    # A row of the embedded table may be a method under another name, with other settings.
    tuned = EMBEDDED.get(name)
    return catalogue.entry(type(tuned).__name__) if tuned else None


def _recipe(result: Result) -> Recipe | None:
    try:
        found = canonical.from_plain(json.loads((result.folder / "recipe.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, UserError):
        return None
    return found if isinstance(found, Recipe) else None
