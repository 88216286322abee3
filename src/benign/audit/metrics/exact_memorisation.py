"""Exact memorisation: how many tokens of the expected answer the model would write itself."""

from __future__ import annotations

from benign.audit.metrics.bootstrap import mean_score
from benign.audit.observation import Observation, Observations
from benign.audit.score import Score
from benign.errors import NotMeasured


def exact_memorisation(observations: Observations) -> Score | NotMeasured:
    """Mean over records of the share of the answer's tokens that are the likeliest after the true ones before them.

    The token that ends the turn does not count. Range 0 to 1; lower is better on the forget set, higher elsewhere.
    Source: Tirumala et al. 2022 (arXiv 2205.10770); as in OpenUnlearning (arXiv 2506.12618), which drops the last token
    also where it ends nothing (a document), and so counts one token less there.
    """
    scored = observations.only(lambda o: o.said > 0 and len(o.greedy) == len(o.logp))
    return mean_score(scored, hits) if scored else NotMeasured("no answers were scored token by token")


def hits(observation: Observation) -> float:
    """The share of one answer's tokens."""
    return sum(observation.greedy[: observation.said]) / observation.said
