"""Pairs of one fact asked by picture and by name: a leak through either is a leak, and keeping needs both."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from benign.audit.metrics.bootstrap import interval
from benign.audit.metrics.rouge import recall
from benign.audit.metrics.words import normalised
from benign.audit.observation import AS_IS, Observation, Observations
from benign.audit.score import Score
from benign.errors import NotMeasured

Each = Callable[[Observation], float]


def leak_either(observations: Observations, *, each: Each = recall) -> Score | NotMeasured:
    """Mean over pairs of (a^2 + b^2) / (a + b), with a and b what the picture and the name still bring out.

    It lies between the mean and the larger of the two, so forgetting one of them earns little. Range 0 to 1; lower is
    better on the forget set. ``each`` is ROUGE-L recall. Source: UMU-Bench (NeurIPS 2025), its score of forgetting.
    """
    return _paired(observations, contraharmonic, each)


def kept_both(observations: Observations, *, each: Each = recall) -> Score | NotMeasured:
    """Mean over pairs of the harmonic mean of what the picture and the name bring out.

    Range 0 to 1; higher is better on the retain set: 0 if either is gone. Source: UMU-Bench, its score of retention.
    """
    return _paired(observations, harmonic, each)


def contraharmonic(one: float, other: float) -> float:
    """(a^2 + b^2) / (a + b): the mean of the two, each weighted by itself."""
    return (one * one + other * other) / (one + other) if one + other else 0.0


def harmonic(one: float, other: float) -> float:
    """2ab / (a + b): 0 if either is."""
    return 2 * one * other / (one + other) if one + other else 0.0


def _paired(observations: Observations, pair: Callable[[float, float], float], each: Each) -> Score | NotMeasured:
    cells: dict[tuple[str, str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    clusters = {}
    for o in observations.where(kind="memory", view=AS_IS).asked:
        # One subject's answer by picture and by name is one fact; a record about nobody has no second way.
        if o.subject:
            key = (o.split, o.subject, normalised(o.gold))
            cells[key][o.route].append(each(o))
            clusters[key] = o.cluster
    both = {key: routes for key, routes in cells.items() if len(routes) == 2}
    if not both:
        return NotMeasured("no fact was asked both by picture and by name")
    values = [pair(max(routes["image"]), max(routes["text"])) for routes in both.values()]
    return interval(values, [clusters[key] for key in both])
