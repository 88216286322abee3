"""FIUBench's own numbers: keywords, and how sure the model is of its least sure tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from benign.audit.metrics.bootstrap import mean_score
from benign.audit.metrics.membership import lowest
from benign.audit.observation import Observation, Observations
from benign.audit.score import Score
from benign.errors import NotMeasured

_SHARES = ((0.1, 0.3), (0.2, 0.3), (0.3, 0.2), (0.4, 0.1), (0.5, 0.1))
"""Shares of the least likely tokens with their weights."""


def first_sentence(observations: Observations) -> Observations:
    """The answers up to their first full stop, which is all that the authors compare.

    Their code leaves nothing of an answer without a full stop; here all of it stays.
    """
    return Observations(tuple(replace(o, text=o.text.partition(".")[0]) for o in observations.asked))


def share_of_keywords(keywords: Sequence[str], text: str) -> float:
    """The share of the keywords that the text contains, in whatever case (the authors' exact match)."""
    return sum(word.lower() in text.lower() for word in keywords) / len(keywords)


def mixed_min_k(observations: Observations) -> Score | NotMeasured:
    """Mean over records of a weighted mean of exp(mean log-probability of the K least likely answer tokens).

    K is 10 to 50 percent, with weights 0.3, 0.3, 0.2, 0.1 and 0.1. Range 0 to 1; lower is better for the forgotten.
    Source: the membership inference of FIUBench (arXiv 2411.03554; gray311/VLM_Unlearned 8e98326). Theirs leaves out
    the answer's first token, and a share that is less than one token counts 0; here it is one token.
    """
    scored = observations.only(lambda o: o.said > 0)
    return mean_score(scored, _mixed) if scored else NotMeasured("no answers were scored token by token")


def _mixed(observation: Observation) -> float:
    tokens = observation.logp[: observation.said]
    return math.fsum(weight * math.exp(-lowest(tokens, share)) for share, weight in _SHARES)
