"""How much each weight matters for what is forgotten or kept: measured once, then read from the cache folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from benign.data.answers import Answers
from benign.data.record import Data, Record, of_kind
from benign.engine import canonical, store
from benign.engine.draw import records_of
from benign.engine.paths import on_paths
from benign.errors import UserError
from benign.models.load import Model
from benign.models.pack import packed_rows
from benign.models.vision_cache import VisionCache
from benign.parts.loci import Estimate, Side
from benign.parts.loci.importance import Importance
from benign.parts.loci.neuron_paths import NeuronPaths


@dataclass(frozen=True)
class Importances:
    """The importances of one model's weights for one user's records, in a folder that runs may share.

    An estimate is a safetensors file and, beside it, a JSON file of what it is. Both are named by a digest of the
    model, the records, the estimate, its batch size and the parameters.
    """

    model: Model
    data: Data
    folder: Path
    report: Callable[[str, int, int], None]
    """Called as (what is being done, done, total)."""

    def __call__(
        self, importance: Estimate, side: Side, parameters: Mapping[str, nn.Parameter]
    ) -> Mapping[str, Tensor]:
        """The importance of every entry of the parameters, float32 on their device; of neuron paths, by reading module
        the share of records on whose path each neuron lies.

        ``forget`` looks at the forget set's memory questions, ``retain`` at what may be trained on to keep; both with
        the records' own answers. The parameters must require gradients and be the model's original ones.

        Raises:
            UserError: There is no such record, or a kept estimate is damaged.
        """
        records = of_kind(records_of(self.data, "forget"), "memory") if side == "forget" else self._kept()
        if not records:
            raise UserError("no memory question tells which weights matter", where="forget")
        described = {
            "importance": canonical.to_plain(importance),
            "records_per_gradient": 1 if isinstance(importance, NeuronPaths) else importance.records,
            "side": side,
            "records": len(records),
            "records_digest": canonical.digest([record.digest for record in records]),
            "model": self.model.digest,
            "parameters": sorted(parameters),
        }
        found = store.kept(self.folder, described)
        if found is None:
            if isinstance(importance, NeuronPaths):
                found = on_paths(self.model, importance, records, partial(self.report, f"find paths for {side}"))
            else:
                found = self._measured(importance, side, records, parameters)
            store.keep(self.folder, described, found)
        device = next(iter(parameters.values())).device
        return {name: tensor.to(device) for name, tensor in found.items()}

    def _kept(self) -> tuple[Record, ...]:
        return records_of(self.data, "keep")

    def _measured(
        self, importance: Importance, side: Side, records: Sequence[Record], parameters: Mapping[str, nn.Parameter]
    ) -> dict[str, Tensor]:
        self.model.module.eval()
        totals = {name: torch.zeros_like(p, dtype=torch.float32) for name, p in parameters.items()}
        vision, size = VisionCache(), importance.records
        for start in range(0, len(records), size):
            batch = records[start : start + size]
            examples = [self.model.encoder.full(record) for record in batch]
            loss = mean_loss(packed_rows(self.model, examples, vision=vision))
            # A weight that these records do not reach has no gradient; it matters for none of them.
            gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
            for name, gradient in zip(parameters, gradients, strict=True):
                if gradient is not None:
                    totals[name] += importance.part(gradient, len(batch) / len(records))
            self.report(f"measure what matters for {side}", start + len(batch), len(records))
        return {name: importance.whole(total, parameters[name]) for name, total in totals.items()}


def mean_loss(answers: Answers) -> Tensor:
    """The mean over records of each record's mean cross-entropy over its answer's tokens, in nats."""
    return -(answers.logp_per_record / answers.rows_per_record).mean()
