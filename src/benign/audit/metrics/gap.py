"""The memorisation gap: how much there is to forget at all."""

from __future__ import annotations

from collections.abc import Callable

from benign.audit.metrics.bootstrap import Bounds, interval
from benign.audit.metrics.rouge import recall
from benign.audit.observation import Observation, Observations
from benign.audit.score import Score
from benign.errors import NotMeasured

SIGNED: Bounds = (-1.0, 1.0)


def memorisation_gap(
    original: Observations, retrained: Observations, *, each: Callable[[Observation], float] = recall
) -> Score | NotMeasured:
    """Mean over the same asks of the original model's value minus the retrained model's, with a paired interval.

    Range -1 to 1. Near 0 the original knows no more about the forget set than a model that never saw it, and no
    forgetting score means anything; 1 is perfect memorisation of what cannot be guessed. ``each`` is ROUGE-L recall.
    Source: design section 2 of this project; the retrained model as reference is TOFU's (arXiv 2401.06121).
    """
    known = {o.key: each(o) for o in original.asked}
    guessed = {o.key: each(o) for o in retrained.asked}
    if known.keys() != guessed.keys():
        return NotMeasured("the original and the retrained model were not asked the same questions")
    clusters = {o.key: o.cluster for o in original.asked}
    keys = sorted(known)
    return interval([known[k] - guessed[k] for k in keys], [clusters[k] for k in keys], bounds=SIGNED)
