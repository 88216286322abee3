"""Probabilities of given answers, as several metrics weigh them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from benign.audit.observation import Observation, OptionScore


def token_mean(observation: Observation) -> float:
    """Mean log-probability (nats) of the expected answer's tokens, the end-of-turn token counted."""
    return math.fsum(observation.logp) / len(observation.logp)


def per_token(answer: OptionScore) -> float:
    """Mean log-probability (nats) of a given answer's tokens, the end-of-turn token counted."""
    return answer.logp / max(1, answer.tokens)


def geometric(means: Sequence[float]) -> float:
    """Log of the geometric mean of length-normalised probabilities: the mean of their logs."""
    return math.fsum(means) / len(means) if all(m > -math.inf for m in means) else -math.inf


def arithmetic(means: Sequence[float]) -> float:
    """Log of the arithmetic mean of length-normalised probabilities."""
    top = max(means)
    if top == -math.inf:
        return top
    return top + math.log(math.fsum(math.exp(m - top) for m in means) / len(means))
