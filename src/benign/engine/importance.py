"""How much each weight matters for what is forgotten or kept: measured once, then read from the cache folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from benign.data.answers import Answers
from benign.data.record import Data, Record, of_kind
from benign.engine import canonical, store
from benign.engine.draw import records_of
from benign.engine.factors import random_factors
from benign.engine.paths import on_paths
from benign.engine.routing import expert_use
from benign.engine.world import world
from benign.errors import UserError
from benign.models.load import Model
from benign.models.pack import packed_rows
from benign.models.shard import Shards, gradients, whole
from benign.models.vision_cache import VisionCache
from benign.parts.loci import Estimate, Side
from benign.parts.loci.expert_use import ExpertUse
from benign.parts.loci.factors import TOKENS, FactorImportance
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
        the share of records on whose path each neuron lies; of factors, by ``WEIGHT/A`` and ``WEIGHT/B`` that of each
        entry, and under ``tokens`` how many answer tokens told it; of experts, by router how much each is used.

        Where processes share the model, all of them measure, and the first one gets the numbers, in main memory.

        ``forget`` looks at the forget set's memory questions, ``retain`` at what may be trained on to keep; both with
        the records' own answers. The parameters must be the model's original ones.

        Raises:
            UserError: There is no such record, or a kept estimate is damaged.
        """
        records = self.records(side)
        described = {
            "importance": canonical.to_plain(importance),
            "records_per_gradient": _per_gradient(importance),
            "side": side,
            "records": len(records),
            "records_digest": canonical.digest([record.digest for record in records]),
            "model": self.model.digest,
            "parameters": sorted(parameters),
        }
        found, here = store.kept(self.folder, described), world()
        if self.model.shards and not here.agreed(found is not None):
            found = None
        if found is None:
            found = self._found(importance, side, records, parameters)
            if here.main or self.model.shards is None:
                store.keep(self.folder, described, found)
            if self.model.shards:
                here.wait()
        if self.model.shards:
            return found if here.main else {}
        device = next(iter(parameters.values())).device
        return {name: tensor.to(device) for name, tensor in found.items()}

    def records(self, side: Side) -> tuple[Record, ...]:
        """What a side's importance is measured on.

        Raises:
            UserError: There is no such record.
        """
        forget = of_kind(records_of(self.data, "forget"), "memory") if side == "forget" else ()
        records = forget if side == "forget" else records_of(self.data, "keep")
        if not records:
            raise UserError("no memory question tells which weights matter", where="forget")
        return records

    def _found(
        self, importance: Estimate, side: Side, records: Sequence[Record], parameters: Mapping[str, nn.Parameter]
    ) -> dict[str, Tensor]:
        match importance:
            case NeuronPaths():
                return on_paths(self.model, importance, records, partial(self.report, f"find paths for {side}"))
            case ExpertUse():
                return expert_use(self.model, importance, records, partial(self.report, f"follow experts for {side}"))
            case FactorImportance():
                with random_factors(self.model, importance, list(parameters)) as factors:
                    found, tokens = self._measured(importance.importance, side, records, factors)
                return found | {TOKENS: torch.tensor(tokens)}
            case Importance():
                with _differentiable(parameters.values()):
                    return self._measured(importance, side, records, parameters)[0]

    def _measured(
        self, importance: Importance, side: Side, records: Sequence[Record], parameters: Mapping[str, nn.Parameter]
    ) -> tuple[dict[str, Tensor], int]:
        """The importances by name, and how many answer tokens were looked at."""
        self.model.module.eval()
        vision, tokens, over_tokens = VisionCache(), 0, importance.per == "tokens"

        def losses() -> Iterator[tuple[Tensor, int]]:
            nonlocal tokens
            done = 0
            for batch in self._batches(importance, records):
                rows = packed_rows(self.model, [self.model.encoder.full(r) for r in batch], vision=vision)
                tokens, done = tokens + len(rows.labels), done + len(batch)
                yield (-rows.logp.mean(), len(rows.labels)) if over_tokens else (mean_loss(rows), len(batch))
                self.report(f"measure what matters for {side}", done, len(records) * importance.passes)

        return estimated(importance, parameters, losses(), self.model.shards), tokens

    @staticmethod
    def _batches(importance: Importance, records: Sequence[Record]) -> Iterator[list[Record]]:
        size = importance.records
        for order in importance.orders(len(records)):
            for start in range(0, len(order), size):
                yield [records[place] for place in order[start : start + size]]


def _per_gradient(importance: Estimate) -> int:
    match importance:
        case NeuronPaths() | ExpertUse():
            return 1
        case FactorImportance():
            return importance.importance.records
        case Importance():
            return importance.records


@contextmanager
def _differentiable(parameters: Iterable[nn.Parameter]) -> Iterator[None]:
    """Within it gradients of the parameters can be taken."""
    before = [(parameter, parameter.requires_grad) for parameter in parameters]
    try:
        for parameter, _ in before:
            parameter.requires_grad_(True)
        yield
    finally:
        for parameter, flag in before:
            parameter.requires_grad_(flag)


def estimated(
    importance: Importance,
    parameters: Mapping[str, nn.Parameter],
    losses: Iterable[tuple[Tensor, float]],
    shards: Shards | None = None,
) -> dict[str, Tensor]:
    """The importance of every entry of the parameters, float32, from one loss after the other.

    Args:
        importance: The estimate.
        parameters: What is measured; they require gradients.
        losses: The mean loss of each batch, and what it counts. Each is let go before the next is asked for.
        shards: The processes that share the parameters, of which the first one gets the numbers, in main memory.
    """
    totals: dict[str, Tensor] = {}
    counted = 0.0
    for loss, count in losses:
        # A weight that these records do not reach has no gradient; it matters for none of them.
        found = gradients(loss, list(parameters.values()), shards)
        for name, gradient in zip(parameters, found, strict=True):
            if gradient is not None:
                part = importance.part(gradient, count)
                totals[name] = totals[name].add_(part) if name in totals else part
        counted += count
    means = {name: total.div_(counted) for name, total in totals.items()}
    unmoved = {name: torch.zeros_like(p, dtype=torch.float32) for name, p in parameters.items() if name not in means}
    done = ((name, whole(importance.whole(mean, parameters[name]))) for name, mean in means.items())
    full = ((name, whole(zeros)) for name, zeros in unmoved.items())
    if shards is None:
        return dict(full) | dict(done)
    # One after the other, so that the whole is at no time on one device.
    return {name: number.cpu() for each in (full, done) for name, number in each if shards.rank == 0}


def mean_loss(answers: Answers) -> Tensor:
    """The mean over records of each record's mean cross-entropy over its answer's tokens, in nats."""
    return -(answers.logp_per_record / answers.rows_per_record).mean()
