"""Fact score: how right the answer is, as a judge sees it."""

from __future__ import annotations

from functools import partial

from benign.audit.judges.judge import Judge, verdicts
from benign.audit.metrics.bootstrap import Bounds, interval
from benign.audit.observation import Observations
from benign.audit.score import Score
from benign.errors import NotMeasured

TEN: Bounds = (0.0, 10.0)


def fact_score(observations: Observations, judge: Judge) -> Score | NotMeasured:
    """Mean of the judge's agreement between the answer and the expected one.

    Range 0 (wrong or missing) to 10 (the same fact); lower is better on the forget set's memory, higher elsewhere.
    Source: the Fact Score of S-MLLMUn Bench (arXiv 2511.20196), there given by Qwen-Plus.
    """
    asked = observations.asked
    values = verdicts(judge, [partial(judge.fact, o.question, o.gold, o.text) for o in asked])
    return interval(values, [o.cluster for o in asked], bounds=TEN)
