"""Meaningful score: whether the answer is language at all, as a judge sees it."""

from __future__ import annotations

from functools import partial

from benign.audit.judges.judge import Judge, verdicts
from benign.audit.metrics.bootstrap import interval
from benign.audit.metrics.fact import TEN
from benign.audit.observation import Observations
from benign.audit.score import Score
from benign.errors import NotMeasured


def meaningful_score(observations: Observations, judge: Judge) -> Score | NotMeasured:
    """Mean of the judge's opinion of the answers as language, right or wrong.

    Range 0 (empty, loops, noise) to 10 (a clear answer); higher is better everywhere. A refusal is meaningful.
    Source: the Meaningful Score of S-MLLMUn Bench (arXiv 2511.20196), which punishes models broken by unlearning.
    """
    asked = observations.asked
    values = verdicts(judge, [partial(judge.meaningful, o.question, o.text) for o in asked])
    return interval(values, [o.cluster for o in asked], bounds=TEN)
