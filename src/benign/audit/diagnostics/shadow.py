"""The leave-out audit: would anyone who trained models with and without a record know which kind this one is?

Sources: the likelihood-ratio attack, Carlini et al. 2022 (arXiv 2112.03570), against unlearning: U-LiRA, Hayes et al.
2024 (arXiv 2403.01218), and RULI (datasec-lab/Ruli). The strongest of the membership tests, and the dearest: it needs
dozens of models that were trained and unlearned (``with``), and of models that never saw the records (``without``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benign.audit.metrics.bootstrap import Floats, Sample
from benign.audit.metrics.roc import auc_score, tpr_score
from benign.audit.score import Score
from benign.data.record import Record
from benign.engine.serve import System
from benign.engine.train import Report
from benign.errors import NotMeasured

FPR = 0.01
"""The false positive rate at which members are counted (Carlini et al. also take 0.001, which needs 1000 others)."""
_LEAST_VARIANCE = 1e-12
_SUREST = -1e-9  # log-probability above which a confidence would be infinite


@dataclass(frozen=True)
class LeaveOut:
    """How well a likelihood-ratio test tells models that unlearned a record from models that never saw it."""

    auc: Score | NotMeasured
    """0.5 is the goal: nobody can tell."""
    tpr: Score | NotMeasured
    """Share of (model, record) pairs found at a low false positive rate; that rate is the goal."""


def leave_out(
    with_: Floats, without: Floats, clusters: Sequence[str], *, shared: bool = True, fpr: float = FPR
) -> LeaveOut:
    """Test every (model, record) pair by all the other models' scores of that record.

    For each record, the scores of both kinds of models are taken as normal, with means and variances from all models
    but the tested one; the test is the difference of the two log-densities.

    Args:
        with_: [models, records] a score of each record by models that saw it and unlearned it.
        without: [models, records] the same by models that never saw it.
        clusters: Per record, whose it is: what the interval draws as one.
        shared: Whether one variance serves all records, which Carlini et al. advise below some 64 models.
        fpr: The false positive rate of ``tpr``.

    Raises:
        ValueError: The arrays are not of the same records.
    """
    if with_.shape[1:] != without.shape[1:] or with_.shape[1] != len(clusters):
        raise ValueError(f"scores of {with_.shape[1:]} and {without.shape[1:]} records by {len(clusters)} subjects")
    if min(len(with_), len(without)) < 3:
        reason = NotMeasured("a likelihood ratio needs three models of each kind")
        return LeaveOut(reason, reason)
    members = np.stack([_ratio(s, np.delete(with_, i, 0), without, shared) for i, s in enumerate(with_)])
    others = np.stack([_ratio(s, with_, np.delete(without, i, 0), shared) for i, s in enumerate(without)])
    found, missed = (Sample(-ratios.reshape(-1, 1), tuple(clusters) * len(ratios)) for ratios in (members, others))
    return LeaveOut(auc_score(found, missed), tpr_score(found, missed, fpr))


def confidence(logp: Floats) -> Floats:
    """The logit of the probability whose logarithm is given: log(p / (1 - p)), near normal over trainings."""
    kept = np.minimum(logp, _SUREST)
    found: Floats = kept - np.log(-np.expm1(kept))
    return found


def confidences(systems: Sequence[System], records: Sequence[Record], report: Report) -> Floats:
    """[models, records] each model's confidence in each record's answer, by its mean token probability."""
    rows = []
    for number, system in enumerate(systems, 1):
        scored = system.score(records, [record.gold for record in records])
        rows.append([sum(found.logp) / len(found.logp) for found in scored])
        report("ask shadow models", number, len(systems))
    return confidence(np.array(rows))


def _ratio(scores: Floats, with_: Floats, without: Floats, shared: bool) -> Floats:
    return _log_density(scores, with_, shared) - _log_density(scores, without, shared)


def _log_density(scores: Floats, models: Floats, shared: bool) -> Floats:
    variance = models.var(axis=0, ddof=1)
    if shared:
        variance = np.full_like(variance, variance.mean())
    variance = np.maximum(variance, _LEAST_VARIANCE)
    found: Floats = -0.5 * (np.square(scores - models.mean(axis=0)) / variance + np.log(2 * np.pi * variance))
    return found
