"""The share of probability that the right answer has among the given ones."""

from __future__ import annotations

import math

from benign.audit.metrics.answers import per_token, token_mean
from benign.audit.metrics.bootstrap import mean_score
from benign.audit.observation import Observation, Observations
from benign.audit.score import Score
from benign.errors import NotMeasured


def option_probability(observations: Observations) -> Score | NotMeasured:
    """Mean over records of p(right) / (p(right) + sum of p(wrong)), each length-normalised: exp(mean token logp).

    The wrong answers are the record's ``perturbed`` ones, or its other options where it has none. Range 0 to 1, chance
    is 1 over the number of answers; lower is better on the forget set, higher elsewhere.
    Source: TOFU (arXiv 2401.06121), for real authors and world facts; OpenUnlearning's ``probability_w_options`` adds
    1e-10 to the denominator, which shows only where all the answers are as good as impossible.
    """
    compared = observations.only(lambda o: bool(o.logp) and bool(wrong_answers(o)))
    if not compared:
        return NotMeasured("no questions with wrong answers to compare with")
    return mean_score(compared, share)


def share(observation: Observation) -> float:
    """The right answer's share; not a number where every answer is impossible."""
    right, wrong = token_mean(observation), wrong_answers(observation)
    top = max(right, *wrong)
    if math.isnan(top) or top == -math.inf:
        return math.nan
    return math.exp(right - top) / (math.exp(right - top) + math.fsum(math.exp(one - top) for one in wrong))


def wrong_answers(observation: Observation) -> list[float]:
    """Mean token log-probability of every wrong answer that was scored."""
    others = [option for option in observation.options if option.text != observation.gold]
    return [per_token(answer) for answer in observation.perturbed or others]
