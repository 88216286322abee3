"""How well a score tells members from others: area under the curve, and how many are found at few false alarms."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from benign.audit.metrics.bootstrap import Floats, Sample, statistic_score
from benign.audit.score import Score, TwoSets
from benign.errors import NotMeasured


def auc_score(members: Sample, others: Sample) -> Score | NotMeasured:
    """The area under the curve with an interval, for scores that are lower for members."""
    score = statistic_score(lambda rows: auc(rows[0][:, 0], rows[1][:, 0]), [members, others])
    return _kept(score, members, others, None)


def tpr_score(members: Sample, others: Sample, fpr: float) -> Score | NotMeasured:
    """The share of members found at a false positive rate, with an interval, for scores lower for members."""
    score = statistic_score(lambda rows: tpr(rows[0][:, 0], rows[1][:, 0], fpr), [members, others])
    return _kept(score, members, others, fpr)


def auc(members: Floats, others: Floats) -> float:
    """P(a member's score is lower than another's), ties half: the Mann-Whitney statistic."""
    ordered = np.sort(others)
    below = np.searchsorted(ordered, members, side="left")
    upto = np.searchsorted(ordered, members, side="right")
    above = len(others) - upto + (upto - below) / 2
    return float(above.mean() / len(others))


def tpr(members: Floats, others: Floats, fpr: float) -> float:
    """The share of members below the highest threshold with at most ``fpr`` of the others below it.

    No point of the curve is invented between two thresholds: with fewer than 1/fpr others it is the rate at none.
    """
    return float(tprs(members, others, fpr))


def tprs(members: Floats, others: Floats, fpr: float) -> Floats:
    """:func:`tpr` of many: [..., members] and [..., others] give [...]."""
    n = others.shape[-1]
    allowed = math.floor(fpr * n + 1e-9)
    if allowed >= n:
        return np.ones(members.shape[:-1])
    threshold = np.partition(others, allowed, axis=-1)[..., allowed, None]
    return np.asarray((members < threshold).mean(axis=-1))


def _kept(score: Score | NotMeasured, members: Sample, others: Sample, fpr: float | None) -> Score | NotMeasured:
    """The score with the numbers behind it, for a comparison."""
    if isinstance(score, NotMeasured):
        return score
    values = (tuple(members.rows[:, 0].tolist()), tuple(others.rows[:, 0].tolist()))
    return replace(score, sets=TwoSets(*values, members.clusters, others.clusters, fpr))
