"""MEMO: how well the model goes on from every beginning of the answer."""

from __future__ import annotations

from collections import defaultdict

from benign.audit.metrics.bootstrap import interval
from benign.audit.observation import Observation, Observations
from benign.audit.score import Score
from benign.data.words import unigram_precision
from benign.errors import NotMeasured

VIEW = "prefix_"
"""Observations of a beginning are called ``prefix_0`` (no beginning), ``prefix_5`` (its length) and so on."""


def memo(observations: Observations) -> Score | NotMeasured:
    """Mean over records of the mean, over beginnings that grow by five characters, of ROUGE-1 precision between what
    the model writes then and the rest of the answer.

    Range 0 to 1; lower is better on the forget set. As a precision it falls with the length of what is written, so
    compare it between models only at the same length limit. Source: MEOW (arXiv 2409.11844), suffix mode. The
    beginnings are asked by :func:`benign.audit.views.beginnings`.
    """
    windows: dict[tuple[str, str], list[Observation]] = defaultdict(list)
    for observation in observations.only(lambda o: o.view.startswith(VIEW)):
        windows[(observation.split, observation.record)].append(observation)
    if not windows:
        return NotMeasured("no beginnings of answers were asked")
    values = [sum(map(precision, group)) / len(group) for group in windows.values()]
    return interval(values, [group[0].cluster for group in windows.values()])


def precision(observation: Observation) -> float:
    """The share of the written words that stand in the rest of the answer; 0 where nothing is written."""
    return unigram_precision(observation.gold, observation.text)
