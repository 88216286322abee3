"""Over-forgetting: what is lost of the neighbours, who were to stay."""

from __future__ import annotations

from benign.audit.metrics.bootstrap import interval
from benign.audit.metrics.rouge import f1
from benign.audit.observation import Observations
from benign.audit.score import Score
from benign.audit.sources import same_asks
from benign.errors import NotMeasured


def over_forgetting(neighbour: Observations, reference: Observations) -> Score | NotMeasured:
    """Mean over the neighbour set's questions of what the original knew and the system does not: max(0, drop in
    ROUGE-L F1).

    Range 0 to 1, lower is better; what the system learned beside does not make good what it lost. The forget set's
    nearest neighbours go first, which no mean over the whole retain set shows.
    Source: the locality of knowledge editing (Meng et al. 2022, arXiv 2202.05262), with RWKU's neighbour sets
    (arXiv 2406.10890).
    """
    before = same_asks(reference, neighbour)
    if isinstance(before, NotMeasured):
        return before
    drops = [max(0.0, f1(b) - f1(o)) for o, b in zip(neighbour, before, strict=True)]
    return interval(drops, [o.cluster for o in neighbour])
