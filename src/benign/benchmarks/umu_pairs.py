"""UMU-Bench's rule: one fact asked by picture and by name counts only where both agree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from benign.audit.metrics.bootstrap import interval
from benign.audit.metrics.modalities import contraharmonic, harmonic
from benign.audit.metrics.rouge import f1
from benign.audit.observation import Observation, Observations, Route
from benign.audit.score import Score
from benign.errors import NotMeasured

Each = Callable[[Observation], float]


def filled(observation: Observation) -> float:
    """1 where the gap's words are in the answer, in whatever case."""
    return float(observation.gold.strip().lower() in observation.text.lower())


def both_right(observations: Observations, *, each: Each) -> Score | NotMeasured:
    """Share of facts told by picture and by name (the authors' all modal accuracy, AccR).

    Range 0 to 1; higher is better for the retained. Choices that tie share the point.
    """
    return _paired(observations, lambda a, b: a * b, each)


def both_wrong(observations: Observations, *, each: Each) -> Score | NotMeasured:
    """Share of facts told neither by picture nor by name (all modal error, AccF).

    Range 0 to 1; higher is better for the forgotten. Beside the one above it leaves out what one modality alone tells.
    """
    return _paired(observations, lambda a, b: (1 - a) * (1 - b), each)


def leak_either(observations: Observations, *, each: Each = f1) -> Score | NotMeasured:
    """Mean over facts of (a^2 + b^2) / (a + b), a and b the ROUGE-L F1 by picture and by name (RLF).

    Range 0 to 1; lower is better for the forgotten.
    """
    return _paired(observations, contraharmonic, each)


def kept_both(observations: Observations, *, each: Each = f1) -> Score | NotMeasured:
    """Mean over facts of 2ab / (a + b) (RLR). Range 0 to 1; higher is better for the retained."""
    return _paired(observations, harmonic, each)


def _paired(observations: Observations, pair: Callable[[float, float], float], each: Each) -> Score | NotMeasured:
    """Pairs by the records' ids, ``group/task/modality/subject/key``: the answers' words may differ between the two."""
    facts: dict[tuple[str, str, str], dict[Route, Observation]] = defaultdict(dict)
    for o in observations.asked:
        group, task, _, fact = o.record.split("/", 3)
        facts[group, task, fact][o.route] = o
    both = [found for found in facts.values() if len(found) == 2]
    if not both:
        return NotMeasured("no fact was asked both by picture and by name")
    values = [pair(each(found["image"]), each(found["text"])) for found in both]
    return interval(values, [found["image"].cluster for found in both])
