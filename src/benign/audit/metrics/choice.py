"""Multiple choice by the log-probability of the options."""

from __future__ import annotations

import math

from benign.audit.metrics.bootstrap import mean_score
from benign.audit.observation import Observation, Observations
from benign.audit.score import Score
from benign.errors import NotMeasured


def choice_accuracy(observations: Observations) -> Score | NotMeasured:
    """Share of multiple-choice questions whose right option has the highest log-probability per token.

    Range 0 to 1, chance is 1 over the number of options; lower is better on the forget set (chance is forgotten),
    higher elsewhere. Equal options share the point, so a model without preference scores chance. Questions whose
    expected answer is not among the options do not count.
    Source: per-token normalisation as ``acc_norm`` of the LM evaluation harness, which divides by characters.
    """
    asked = observations.only(lambda o: any(option.text == o.gold for option in o.options))
    if not asked:
        return NotMeasured("no questions with options")
    broken = sum(any(math.isnan(option.logp) for option in o.options) for o in asked)
    if broken:
        return NotMeasured(f"the model gave not-a-number log-probabilities for {broken} of {len(asked)} questions")
    return mean_score(asked, chosen)


def chosen(observation: Observation) -> float:
    """1 where the right option alone is the likeliest, 1/t where t options tie with it, else 0."""
    likelihood = [(option.logp / max(1, option.tokens), option.text) for option in observation.options]
    best = max(value for value, _ in likelihood)
    winners = [text for value, text in likelihood if value == best]
    return winners.count(observation.gold) / len(winners)
