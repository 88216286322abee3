"""Model utility: one number for what was kept, which no single collapse can hide behind."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benign.audit.convention import Convention
from benign.audit.metrics.bootstrap import Floats, Sample, statistic_score
from benign.audit.metrics.option_probability import share, wrong_answers
from benign.audit.metrics.probability import normalised_probability
from benign.audit.metrics.rouge import recall
from benign.audit.metrics.truth_ratio import comparable, log_ratio, true_better
from benign.audit.observation import Observations
from benign.audit.score import Score
from benign.errors import NotMeasured


def model_utility(
    retain: Observations, neighbour: Observations, general: Observations, *, convention: Convention = "open_unlearning"
) -> Score | NotMeasured:
    """Harmonic mean of nine: probability, ROUGE-L recall and truth ratio, on each of three groups of records.

    The groups are the retain set, the neighbour set (TOFU: real authors) and the general set (TOFU: world facts);
    probability is plain on the retain set and among the wrong answers on the other two; the truth ratio is
    max(0, 1 - r). Range 0 to 1, higher is better; one of the nine at 0 gives 0.
    Source: TOFU (arXiv 2401.06121). ROUGE here is without the stemmer.
    """
    groups = [group.only(comparable) for group in (retain, neighbour, general)]
    for name, group in zip(("retain", "neighbour", "general"), groups, strict=True):
        if not group:
            return NotMeasured(f"no questions with wrong answers to compare with in the {name} set")
    samples = []
    for place, group in enumerate(groups):
        rows = [
            [
                share(o) if place and wrong_answers(o) else normalised_probability(o),
                recall(o),
                true_better(log_ratio(o, convention)),
            ]
            for o in group
        ]
        samples.append(Sample(np.array(rows), tuple(o.cluster for o in group)))
    return statistic_score(lambda rows: harmonic([float(m) for group in rows for m in group.mean(axis=0)]), samples)


def harmonic(values: Sequence[float] | Floats) -> float:
    """The harmonic mean; 0 where any value is 0."""
    found = np.asarray(values, dtype=np.float64)
    return 0.0 if (found <= 0).any() else float(len(found) / (1 / found).sum())
