"""How well a score tells members from others: area under the curve, and how many are found at few false alarms."""

from __future__ import annotations

import math

import numpy as np

from benign.audit.metrics.bootstrap import Floats, Sample, statistic_score
from benign.audit.score import Score
from benign.errors import NotMeasured


def auc_score(members: Sample, others: Sample) -> Score | NotMeasured:
    """The area under the curve with an interval, for scores that are lower for members."""
    return statistic_score(lambda rows: auc(rows[0][:, 0], rows[1][:, 0]), [members, others])


def tpr_score(members: Sample, others: Sample, fpr: float) -> Score | NotMeasured:
    """The share of members found at a false positive rate, with an interval, for scores lower for members."""
    return statistic_score(lambda rows: tpr(rows[0][:, 0], rows[1][:, 0], fpr), [members, others])


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
    allowed = math.floor(fpr * len(others) + 1e-9)
    if allowed >= len(others):
        return 1.0
    return float((members < np.sort(others)[allowed]).mean())
