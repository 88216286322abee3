"""Keyword match: whether the words that make the answer the answer are in what the model says."""

from __future__ import annotations

from benign.audit.metrics.bootstrap import mean_score
from benign.audit.metrics.words import words
from benign.audit.observation import Observation, Observations
from benign.audit.score import Score
from benign.data.words import keywords as keywords
from benign.errors import NotMeasured


def keyword_match(observations: Observations) -> Score | NotMeasured:
    """Mean over records of the share of the expected answer's keywords that the generated answer contains.

    Keywords are the words of the answer that are neither in the question nor function words; where none is left, all
    its words. Range 0 to 1; lower is better on the forget set's memory, higher elsewhere. Order does not count.
    Source: the exact match of FIUBench (arXiv 2411.03554), whose keywords were chosen by hand.
    """
    return mean_score(observations.asked.only(lambda o: bool(words(o.gold))), found)


def found(observation: Observation) -> float:
    """The share of one answer's keywords."""
    wanted = keywords(observation.question, observation.gold)
    return len(wanted & set(words(observation.text))) / len(wanted)
