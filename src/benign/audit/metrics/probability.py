"""The probability of the expected answer, normalised for its length."""

from __future__ import annotations

import math

from benign.audit.metrics.bootstrap import mean_score
from benign.audit.observation import Observation, Observations
from benign.audit.score import Score
from benign.errors import NotMeasured


def answer_probability(observations: Observations) -> Score | NotMeasured:
    """Mean over records of exp(mean log-probability of the expected answer's tokens).

    Convention: the end-of-turn token is one of the tokens, as in OpenUnlearning's ``evaluate_probability``; dropping
    it gives other numbers on short answers. Range 0 to 1; lower is better on the forget set's memory, higher
    elsewhere. A model that gives not-a-number log-probabilities is not measured: its weights are broken.
    Source: TOFU (Maini et al. 2024, arXiv 2401.06121), which takes the length-normalised probability.
    """
    scored = observations.only(lambda o: bool(o.logp))
    broken = sum(any(math.isnan(x) for x in o.logp) for o in scored)
    if broken:
        return NotMeasured(f"the model gave not-a-number log-probabilities for {broken} of {len(scored)} answers")
    return mean_score(scored, normalised_probability)


def normalised_probability(observation: Observation) -> float:
    """Geometric mean of the token probabilities: exp of the mean token log-probability."""
    # Rounding in a softmax can leave a log-probability a hair above 0.
    return min(1.0, math.exp(math.fsum(observation.logp) / len(observation.logp)))
