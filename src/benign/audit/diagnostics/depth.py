"""The unlearning depth score: how deep inside the model is the knowledge gone?

Source: arXiv 2605.24614; code gnueaj/unlearning-depth-score (fc31639).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from benign.audit.diagnostics import Diagnosis
from benign.audit.diagnostics.erased import THRESHOLD, Erased, erased
from benign.audit.diagnostics.telling import Told, at_work, cluster
from benign.audit.metrics.bootstrap import interval
from benign.data.record import Data
from benign.engine.serve import Served
from benign.engine.train import Report
from benign.errors import NotMeasured
from benign.models.forward import answer_rows
from benign.models.states import patched_rows


@dataclass(frozen=True)
class Depth:
    """Activation patching: the original goes on from another model's states, layer by layer, and what it loses tells.

    At layer l the residual stream where an answer's telling tokens are predicted is replaced in the original model by
    that of the retrained one (loss D1) or of the unlearned one (loss D2), in nats per token. A layer with
    D1 > ``threshold`` encodes the fact; the score of a record is sum(D1 clip(D2 / D1, 0, 1)) / sum(D1) over those
    layers, and the score of a model is the mean over the records that any layer encodes. Range 0 (all there) to 1 (as
    deep as never learned); higher is better.

    The official code patches transformers' ``hidden_states``, whose last entry is already normed, so its last layer
    is normed twice; here the last layer's own output is patched, which gives the source's answer exactly. Facts are
    annotated by hand there; here the telling tokens are those by which an answer differs from its wrong ones.
    """

    threshold: float = THRESHOLD
    """Nats per token from which on a layer encodes a fact."""
    most: int | None = 400
    """At most so many records (the paper has 367); None takes all."""

    def __call__(
        self, unlearned: Served, original: Served, retrained: Served | None, records: Data, report: Report
    ) -> Diagnosis:
        """Patch; needs a retrained model of the same architecture, and memory questions in the forget set."""
        if retrained is None:
            return Diagnosis(NotMeasured("no retrained model given"))
        compared = Compared.of(unlearned, original, retrained, Told.of(original, records.forget, self.most))
        if isinstance(compared, NotMeasured):
            return Diagnosis(compared)
        never = losses(original, compared.told, compared.retrained, report, "patch from retrained")
        now = losses(original, compared.told, compared.unlearned, report, "patch from unlearned")
        return judged(erased(never, now, self.threshold), compared.told)


class Compared(NamedTuple):
    """The states of two models on the same records, in the shape that the original's layers take."""

    told: Told
    unlearned: Tensor
    retrained: Tensor

    @classmethod
    def of(cls, unlearned: Served, original: Served, retrained: Served, told: Told) -> Compared | NotMeasured:
        """Both models' states, or why they cannot stand in for the original's."""
        reason = unfit(told, (unlearned, retrained), original)
        return reason or cls(told, told.states(unlearned), told.states(retrained))


def unfit(told: Told, others: tuple[Served, ...], original: Served) -> NotMeasured | None:
    """Why other models' states cannot be set beside the original's, if they cannot."""
    if not told.records:
        return NotMeasured("no memory question in the forget set")
    shape = _shape(original)
    if any(_shape(other) != shape or not told.fits(other) for other in others):
        return NotMeasured("the models have different layers, widths or tokens")
    return None


def losses(original: Served, told: Told, states: Tensor, report: Report, what: str) -> np.ndarray[tuple[int, int]]:
    """[records, layers] what the original loses with another model's states, in nats per telling token."""
    layers, total = len(states), len(states) * len(told.batches)
    found, start = [], 0
    with at_work(original) as model:
        for number, (batch, rows) in enumerate(zip(told.batches, told.rows_per_batch, strict=True)):
            plain = answer_rows(model, batch).logp
            for layer in range(layers):
                patched = patched_rows(model, batch, layer, states[layer, start : start + rows])
                found.append((plain - patched.logp).cpu())
                report(what, number * layers + layer + 1, total)
            start += rows
    by_layer = [torch.cat(found[layer::layers]) for layer in range(layers)]
    return torch.stack([told.mean(rows) for rows in by_layer], dim=1).numpy()


def judged(gone: Erased, told: Told) -> Diagnosis:
    """The mean over the records that any layer encodes, with an interval over subjects."""
    kept = [(value, cluster(r)) for value, r in zip(gone.records, told.records, strict=True) if value is not None]
    curves = {"erased": gone.layers, "encoding": gone.encoding}
    if not kept:
        return Diagnosis(NotMeasured("no layer of the original knows more than the retrained model's does"), curves)
    return Diagnosis(interval([value for value, _ in kept], [name for _, name in kept]), curves)


def _shape(served: Served) -> tuple[int, int]:
    model = served.model
    return len(model.family.layers_of(model.module)), int(model.module.config.get_text_config().hidden_size)
