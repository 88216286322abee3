"""What an audit has to give a metric: a metric's signature is its needs.

The required parameters of a metric are named after what it needs: a split of the audited system's observations
(``forget``, ``retain``, ``neighbour``, ``holdout``, ``general``), ``observations`` (what the column is about), the
same asks answered by another model (``reference``, the original; ``retrained``), or the ``judge``. Parameters with
defaults are settings. Who measures a metric gives what is there; what is missing is a reason and never a number.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from benign.audit.judges.judge import Judge
from benign.audit.judges.rules import RulesJudge
from benign.audit.observation import Observations
from benign.audit.scope import Scope
from benign.audit.score import Score
from benign.errors import NotMeasured

Function = Callable[..., Score | NotMeasured]
SCOPES: Mapping[str, Scope] = {
    "forget": Scope(("forget",), "memory", "main"),
    "retain": Scope(("retain",), "memory", "main"),
    "neighbour": Scope(("neighbour",), "memory", "main"),
    "holdout": Scope(("holdout",), "memory", "main"),
    "general": Scope(("general",)),
}
"""Which observations of a split a metric gets, if its column says nothing else."""
_MODELS = {"reference": "original model", "retrained": "retrained model"}
NEEDS = frozenset({*SCOPES, *_MODELS, "observations", "judge"})
"""Every name that a metric's required parameter may have."""


@dataclass(frozen=True)
class Sources:
    """What was observed, of which model."""

    observed: Observations
    """The audited system's observations, all splits."""
    reference: Observations | None = None
    """The original model's, on the same asks."""
    retrained: Observations | None = None
    """The retrained model's, on the same asks."""
    judge: Judge = field(default_factory=RulesJudge)
    """Who marks facts and language."""


def needs(metric: Function) -> tuple[str, ...]:
    """What a metric needs: its parameters without a default.

    Raises:
        TypeError: One of them is not a need.
    """
    found = inspect.signature(metric).parameters.values()
    required = tuple(p.name for p in found if p.default is p.empty and p.kind is not p.VAR_KEYWORD)
    unknown = set(required) - NEEDS
    if unknown or not required:
        raise TypeError(f"not a metric, its parameters are no needs: {', '.join(sorted(unknown)) or 'none'}")
    return required


def measure(metric: Function, sources: Sources, scopes: Mapping[str, Scope] = SCOPES) -> Score | NotMeasured:
    """The metric of these sources, or which of its needs is missing.

    Args:
        metric: A function whose required parameters are needs.
        sources: What there is.
        scopes: Which observations each split's parameter gets, where the default will not do.
    """
    given: dict[str, Any] = {}
    for name in needs(metric):
        found = _given(name, sources, {**SCOPES, **scopes})
        if isinstance(found, NotMeasured):
            return found
        given[name] = found
    return metric(**given)


def same_asks(other: Observations, like: Observations) -> Observations | NotMeasured:
    """Another model's observations of the very same asks, in the same order; a reason where any is missing."""
    found = {o.key: o for o in other}
    keys = [o.key for o in like]
    missing = sum(key not in found for key in keys)
    if missing:
        return NotMeasured(f"the other model was not asked {missing} of the {len(keys)} questions")
    return Observations(tuple(found[key] for key in keys))


def _given(name: str, sources: Sources, scopes: Mapping[str, Scope]) -> object:
    if name == "judge":
        return sources.judge
    if name in _MODELS:
        other: Observations | None = getattr(sources, name)
        return NotMeasured(f"no {_MODELS[name]} given") if other is None else other
    return scopes[name].pick(sources.observed) if name in scopes else sources.observed
