"""Membership inference: does the model still treat the forget set as something it was trained on?

All scores are signed like a loss: lower means more likely a member, as in OpenUnlearning.
"""

from __future__ import annotations

import math
import zlib
from typing import Literal

import numpy as np

from benign.audit.convention import Convention
from benign.audit.metrics.bootstrap import Sample
from benign.audit.metrics.roc import auc_score, tpr_score
from benign.audit.observation import Observation, Observations
from benign.audit.score import Score
from benign.audit.sources import same_asks
from benign.errors import NotMeasured

Inference = Literal["loss", "zlib", "min_k", "min_k_plus_plus"]
K = 0.4
"""Share of the least likely tokens (OpenUnlearning's and MUSE's setting; Min-K's paper prefers 0.2)."""
_VARIANCE_FLOOR = 1e-6


def membership_auc(
    forget: Observations,
    holdout: Observations,
    *,
    inference: Inference = "min_k",
    k: float = K,
    convention: Convention = "paper",
) -> Score | NotMeasured:
    """AUC of telling the forget set from the holdout set by one score of each expected answer.

    Range 0 to 1: 1 is fully memorised, 0.5 cannot be told from never seen and is the goal, below 0.5 is unlearned too
    far, which gives the members away too. Sources: loss (Yeom et al. 2018, arXiv 1709.01604), zlib (Carlini et al.
    2021, arXiv 2012.07805), Min-K (Shi et al. 2024, arXiv 2310.16789), Min-K++ (Zhang et al. 2025, arXiv 2404.02936).
    Convention: the loss counts the token that ends the turn, the others do not, as in OpenUnlearning; ``muse`` counts
    it everywhere and reports 1 - AUC; ``rwku`` does not clamp Min-K++'s variance.
    """
    pair = _pair(forget, holdout, inference, k, convention)
    if isinstance(pair, NotMeasured):
        return pair
    return flipped(auc_score(*pair)) if convention == "muse" else auc_score(*pair)


def membership_tpr(
    forget: Observations,
    holdout: Observations,
    *,
    inference: Inference = "min_k",
    fpr: float = 0.01,
    k: float = K,
    convention: Convention = "paper",
) -> Score | NotMeasured:
    """Share of the forget set that is found while at most ``fpr`` of the holdout set is accused.

    Range 0 to 1, lower is better; ``fpr`` itself is chance. Source: Carlini et al. 2022 (arXiv 2112.03570): an average
    over all thresholds hides the few records that are certain. Scores and conventions as :func:`membership_auc`.
    """
    pair = _pair(forget, holdout, inference, k, convention)
    return pair if isinstance(pair, NotMeasured) else tpr_score(*pair, fpr)


def membership_reference_auc(
    forget: Observations, holdout: Observations, retrained: Observations
) -> Score | NotMeasured:
    """AUC as :func:`membership_auc` by the loss minus the retrained model's loss on the same answer.

    Range 0 to 1, 0.5 is the goal. Source: the reference attack of Carlini et al. 2021 (arXiv 2012.07805), with the
    retrained model as the best reference that there can be.
    """
    samples = []
    for group in (forget, holdout):
        other = same_asks(retrained, group)
        if isinstance(other, NotMeasured):
            return other
        rows = [[loss(o) - loss(r)] for o, r in zip(group, other, strict=True) if o.logp and r.logp]
        samples.append(Sample(np.array(rows).reshape(-1, 1), tuple(o.cluster for o in group if o.logp)))
    return auc_score(*samples)


def flipped(score: Score | NotMeasured) -> Score | NotMeasured:
    """1 - AUC, with its interval."""
    return score if isinstance(score, NotMeasured) else Score(1 - score.value, 1 - score.high, 1 - score.low, score.n)


def evidence(
    observation: Observation, inference: Inference, *, k: float = K, convention: Convention = "paper"
) -> float:
    """One answer's score; lower means more likely a member."""
    if inference == "loss":
        return loss(observation)
    if inference == "zlib":
        return loss(observation) / len(zlib.compress(observation.gold.encode()))
    n = len(observation.logp) if convention == "muse" else observation.said
    if inference == "min_k":
        return lowest(observation.logp[:n], k)
    return lowest(standardised(observation, convention)[:n], k)


def loss(observation: Observation) -> float:
    """Mean negative log-probability per token (nats), the end-of-turn token counted."""
    return -math.fsum(observation.logp) / len(observation.logp)


def lowest(values: tuple[float, ...], k: float) -> float:
    """Minus the mean of the lowest share ``k`` of the values, at least of one; 0 where there are none."""
    kept = sorted(values)[: max(1, int(len(values) * k))]
    return -math.fsum(kept) / len(kept) if kept else 0.0


def standardised(observation: Observation, convention: Convention = "paper") -> tuple[float, ...]:
    """Min-K++: each token's log-probability in standard deviations from the mean under the model's distribution."""
    floor = 0.0 if convention == "rwku" else _VARIANCE_FLOOR
    rows = zip(observation.logp, observation.mean, observation.std, strict=True)
    return tuple(_divided(logp - mean, math.sqrt(max(std * std, floor))) for logp, mean, std in rows)


def _divided(value: float, by: float) -> float:
    # A uniform distribution without the clamp: 0/0 is not a number, and anything else is beyond all numbers.
    return value / by if by else (math.nan if value == 0 else math.copysign(math.inf, value))


def _pair(
    forget: Observations, holdout: Observations, inference: Inference, k: float, convention: Convention
) -> tuple[Sample, Sample] | NotMeasured:
    if inference == "min_k_plus_plus" and any(len(o.mean) != len(o.logp) for o in (*forget, *holdout)):
        return NotMeasured("no answers were scored token by token")
    samples = []
    for group in (forget.only(lambda o: bool(o.logp)), holdout.only(lambda o: bool(o.logp))):
        rows = [[evidence(o, inference, k=k, convention=convention)] for o in group]
        samples.append(Sample(np.array(rows).reshape(-1, 1), tuple(o.cluster for o in group)))
    return samples[0], samples[1]
