"""The logit lens: what would the original model say if it stopped thinking after a layer?

Source: nostalgebraist 2020 (interpreting GPT: the logit lens); as a measure of erasure, arXiv 2605.24614 and its code
gnueaj/unlearning-depth-score (fc31639, scripts/compute_representation_baselines.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from benign.audit.diagnostics import Curve, Diagnosis
from benign.audit.diagnostics.depth import judged, unfit
from benign.audit.diagnostics.erased import THRESHOLD, erased
from benign.audit.diagnostics.telling import Told, at_work
from benign.audit.metrics.bootstrap import Floats
from benign.data.record import Data
from benign.engine.serve import Served
from benign.engine.train import Report
from benign.errors import NotMeasured
from benign.models.states import read_out


@dataclass(frozen=True)
class Lens:
    """The original's final norm and head read every layer of the three models; the same aggregate as the depth score.

    With the log-probability of the telling tokens, D1 = original - retrained and D2 = original - unlearned at each
    layer; range 0 (all there) to 1 (as if never learned), higher is better. One decoder for all three, so a changed
    head hides nothing, and the curves show from which layer on the answer can be read.
    """

    threshold: float = THRESHOLD
    """Nats per token from which on a layer encodes a fact."""
    most: int | None = 400
    """At most so many records; None takes all."""

    def __call__(
        self, unlearned: Served, original: Served, retrained: Served | None, records: Data, report: Report
    ) -> Diagnosis:
        """Read; without a retrained model there are curves and no score."""
        told = Told.of(original, records.forget, self.most)
        others = (unlearned,) if retrained is None else (unlearned, retrained)
        reason = unfit(told, others, original)
        if reason is not None:
            return Diagnosis(reason)
        named = {"original": original, "unlearned": unlearned} | ({"retrained": retrained} if retrained else {})
        read: dict[str, Floats] = {}
        for number, (name, served) in enumerate(named.items(), 1):
            read[name] = read_layers(original, told, told.states(served))
            report("read every layer", number, len(named))
        curves = {name: _mean(found) for name, found in read.items()}
        if retrained is None:
            return Diagnosis(NotMeasured("no retrained model given"), curves)
        gone = erased(read["original"] - read["retrained"], read["original"] - read["unlearned"], self.threshold)
        found = judged(gone, told)
        return Diagnosis(found.score, {**curves, **found.layers})


def read_layers(original: Served, told: Told, states: Tensor) -> Floats:
    """[records, layers] the mean log-probability (nats) of each record's telling tokens by the original's head."""
    with at_work(original) as model:
        read = [told.mean(read_out(model, layer, told.labels)) for layer in states]
    return torch.stack(read, dim=1).numpy()


def _mean(read: Floats) -> Curve:
    return tuple(float(value) for value in np.mean(read, axis=0))
