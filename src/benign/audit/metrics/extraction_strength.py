"""Extraction strength: how little of the expected answer must be given before the model says the rest."""

from __future__ import annotations

from benign.audit.convention import Convention
from benign.audit.metrics.bootstrap import mean_score
from benign.audit.observation import Observation, Observations
from benign.audit.score import Score
from benign.errors import NotMeasured


def extraction_strength(observations: Observations, *, convention: Convention = "paper") -> Score | NotMeasured:
    """Mean over records of 1 - k/n, with k the shortest beginning of the n tokens after which all others are greedy.

    The token that ends the turn does not count. Range 0 (the last token is wrong even after all before it) to 1 (said
    without help); lower is better on the forget set, higher elsewhere.
    Source: Carlini et al. 2021 (arXiv 2012.07805), as in OpenUnlearning (arXiv 2506.12618). Convention:
    ``open_unlearning`` never reaches 0, because its loop ends before k = n: a wrong last token gives 1/n.
    """
    scored = observations.only(lambda o: o.said > 0 and len(o.greedy) == len(o.logp))
    if not scored:
        return NotMeasured("no answers were scored token by token")
    return mean_score(scored, lambda o: strength(o, convention))


def strength(observation: Observation, convention: Convention = "paper") -> float:
    """1 - k/n of one answer."""
    n = observation.said
    tail = 0
    for hit in reversed(observation.greedy[:n]):
        if not hit:
            break
        tail += 1
    return max(1, tail) / n if convention == "open_unlearning" else tail / n
