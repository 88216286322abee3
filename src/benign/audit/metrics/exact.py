"""Exact match: the answer is the expected one."""

from __future__ import annotations

from benign.audit.metrics.bootstrap import mean_score
from benign.audit.metrics.words import normalised
from benign.audit.observation import Observation, Observations
from benign.audit.score import Score
from benign.errors import NotMeasured


def exact_match(observations: Observations) -> Score | NotMeasured:
    """Share of generated answers that equal the expected one up to case, punctuation, spaces and English articles.

    Range 0 to 1; lower is better on the forget set's memory, higher elsewhere. An answer that contains the expected
    one among other words does not count here; :func:`benign.audit.metrics.rouge.rouge_l` recall sees it.
    Source: the exact match of SQuAD (Rajpurkar et al. 2016, arXiv 1606.05250),
    with symbols kept and punctuation made a space.
    """
    return mean_score(observations.asked, agrees)


def agrees(observation: Observation) -> float:
    """1 where the generated answer is the expected one, else 0."""
    return float(normalised(observation.text) == normalised(observation.gold))
