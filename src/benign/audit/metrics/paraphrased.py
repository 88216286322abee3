"""What some other wording of the question still brings out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from benign.audit.metrics.bootstrap import UNIT, Bounds, interval
from benign.audit.observation import Observation, Observations
from benign.audit.score import Score
from benign.errors import NotMeasured


def worst_wording(
    observations: Observations, each: Callable[[Observation], float], *, bounds: Bounds = UNIT
) -> Score | NotMeasured:
    """Mean over records of the highest value among the record's wordings.

    Range and direction as ``each``; lower is better on the forget set. A memory that one wording of several reveals
    is there, so the worst case counts and not the mean (JensUn, arXiv 2509.02820, argues for it).
    """
    wordings: dict[tuple[str, str], list[Observation]] = defaultdict(list)
    for observation in observations.asked:
        wordings[(observation.split, observation.record)].append(observation)
    values = [max(each(o) for o in group) for group in wordings.values()]
    return interval(values, [group[0].cluster for group in wordings.values()], bounds=bounds)
