"""The truth ratio: how much likelier wrong answers of the same form are than the right one in other words."""

from __future__ import annotations

import math
from typing import Literal

from benign.audit.convention import Convention
from benign.audit.metrics.answers import arithmetic, geometric, per_token, token_mean
from benign.audit.metrics.bootstrap import mean_score
from benign.audit.observation import Observation, Observations
from benign.audit.score import Score
from benign.errors import NotMeasured

Form = Literal["closer_to_1", "true_better", "probability"]


def truth_ratio(
    observations: Observations, *, form: Form = "closer_to_1", convention: Convention = "open_unlearning"
) -> Score | NotMeasured:
    """Mean over records of a function of r = mean p(wrong) / p(right reworded), all length-normalised.

    Forms: ``closer_to_1`` is min(r, 1/r), for the forget set, higher is better: right and wrong are alike;
    ``true_better`` is max(0, 1 - r), for what was to stay, higher is better; ``probability`` is
    p(right) / (p(right) + p(wrong)) = 1 / (1 + r), lower is better on the forget set, which separates models with and
    without the knowledge best (OpenUnlearning, arXiv 2506.12618). Range 0 to 1. Where a record has no rewording, its
    answer itself is the right one, as TOFU does for real authors and world facts.
    Source: TOFU (arXiv 2401.06121). Convention: ``paper`` takes the arithmetic mean of the wrong answers'
    probabilities, all others the geometric one, which every leaderboard shows.
    """
    compared = observations.only(comparable)
    if not compared:
        return NotMeasured("no questions with wrong answers to compare with")
    forms = {"closer_to_1": closer_to_1, "true_better": true_better, "probability": right_probability}
    return mean_score(compared, lambda o: forms[form](log_ratio(o, convention)))


def comparable(observation: Observation) -> bool:
    """Whether wrong answers were scored beside the right one."""
    return bool(observation.logp) and bool(observation.perturbed)


def log_ratio(observation: Observation, convention: Convention = "open_unlearning") -> float:
    """The log of r, in nats; not a number where both sides are impossible."""
    mean = arithmetic if convention == "paper" else geometric
    wrong = mean([per_token(answer) for answer in observation.perturbed])
    right = mean([per_token(answer) for answer in observation.rewordings] or [token_mean(observation)])
    return math.nan if wrong == right == -math.inf else wrong - right


def closer_to_1(log_r: float) -> float:
    """min(r, 1/r)."""
    return math.exp(-abs(log_r))


def true_better(log_r: float) -> float:
    """max(0, 1 - r)."""
    return math.nan if math.isnan(log_r) else max(0.0, -math.expm1(min(log_r, 0.0)))


def right_probability(log_r: float) -> float:
    """1 / (1 + r)."""
    return 0.5 * (1 - math.tanh(log_r / 2))
