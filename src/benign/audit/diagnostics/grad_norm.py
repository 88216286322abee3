"""Gradient norms: a fact that was trained on sits in a flatter place than one that never was.

Source: the GradNorm attack of OpenUnlearning (locuslab/open-unlearning d3d7cf9, mia/gradnorm.py), after Wang et al.
2024 (arXiv 2402.17012). The official code leaves dropout on and clears the model's gradients; this one does neither.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from benign.audit.diagnostics import Diagnosis
from benign.audit.diagnostics.telling import at_work, cluster
from benign.audit.metrics.bootstrap import Sample
from benign.audit.metrics.roc import auc_score
from benign.audit.plan import spread
from benign.data.batch import Batch
from benign.data.record import Data, Record, of_kind
from benign.engine.serve import Served
from benign.engine.train import Report
from benign.errors import NotMeasured
from benign.models.forward import answer_rows
from benign.models.load import Model
from benign.models.shard import gradients, whole


@dataclass(frozen=True)
class GradNorm:
    """AUC of telling the forget set from the holdout set by the norm of each answer's gradient.

    A record's number is the mean over parameter tensors of the p-norm of the gradient of minus the mean token
    log-probability; members have lower ones. Range 0 to 1: 1 is fully memorised, 0.5 cannot be told from never seen
    and is the goal, below 0.5 is unlearned too far, which gives the members away too.
    """

    p: float = 2.0
    """The norm (OpenUnlearning's)."""
    most: int | None = 200
    """At most so many records of each set; each costs a backward pass of its own."""

    def __call__(
        self, unlearned: Served, original: Served, retrained: Served | None, records: Data, report: Report
    ) -> Diagnosis:
        """Measure; needs memory questions in the forget set and in a holdout set of the same kind."""
        sets = [spread(of_kind(group, "memory"), self.most) for group in (records.forget, records.holdout)]
        if not sets[0] or not sets[1]:
            return Diagnosis(NotMeasured("no memory question in the forget or the holdout set"))
        norms = gradient_norms(unlearned, (*sets[0], *sets[1]), report, p=self.p)
        rows = np.split(np.array(norms).reshape(-1, 1), [len(sets[0])])
        members, others = (
            Sample(found, tuple(cluster(record) for record in group)) for found, group in zip(rows, sets, strict=True)
        )
        return Diagnosis(auc_score(members, others))


def gradient_norms(served: Served, records: Sequence[Record], report: Report, *, p: float = 2.0) -> list[float]:
    """Per record, the mean over the reached parameter tensors of the p-norm of their gradient."""
    found = []
    with at_work(served) as model, _differentiable(model) as parameters:
        for number, record in enumerate(records, 1):
            found.append(float(np.mean(tensor_norms(model, model.encoder.full(record), parameters, p))))
            report("measure gradients", number, len(records))
    return found


def tensor_norms(model: Model, batch: Batch, parameters: Sequence[nn.Parameter], p: float) -> list[float]:
    """Per parameter tensor that it reaches, the p-norm of the gradient of minus the mean token log-probability."""
    loss = -answer_rows(model, batch).logp.mean()
    found = gradients(loss, parameters, model.shards)
    return [float(whole(gradient).float().norm(p)) for gradient in found if gradient is not None]


@contextmanager
def _differentiable(model: Model) -> Iterator[list[nn.Parameter]]:
    """The parameters that can have a gradient, all of them asking for one; afterwards as they were."""
    parameters = [p for p in model.module.parameters() if p.is_floating_point()]
    before = [p.requires_grad for p in parameters]
    try:
        for parameter in parameters:
            parameter.requires_grad_(True)
        with torch.enable_grad():
            yield parameters
    finally:
        for parameter, asked in zip(parameters, before, strict=True):
            parameter.requires_grad_(asked)
