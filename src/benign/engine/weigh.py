"""How much single weights matter, as what an edit takes: a language model's for a user's records, or any module's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from benign.data.record import Data
from benign.engine.attach import refuse_untouchable
from benign.engine.importance import Importances, estimated
from benign.engine.recipe import Weigh
from benign.errors import UserError
from benign.models.change import parameters
from benign.models.load import Model
from benign.models.measured import Measured
from benign.parts.loci import Estimate, Side
from benign.parts.loci.importance import Importance

Report = Callable[[str, int, int], None]
Batch = TypeVar("Batch")


def weighed(model: Model, stage: Weigh, data: Data, folder: Path, report: Report) -> Measured:
    """The importance of each weight of the stage's locus, from ``folder`` where it was measured before; 0 where the
    locus masks an entry.

    Raises:
        UserError: The locus is an adapter or chooses nothing, the weights cannot be touched, or there is no record.
    """
    if stage.locus.adapter is not None:
        fix = "weigh weights of the model, for example AllWeights() or Layers()"
        raise UserError("an adapter has no importance before it is trained", where="locus", fix=fix)
    refuse_untouchable(model)
    names = set(stage.locus.names(model.module, model.family))
    chosen = {name: p for name, p in parameters(model.module).items() if name in names}
    store = Importances(model, data, folder, report)

    def measured(importance: Estimate, side: Side) -> Mapping[str, Tensor]:
        return store(importance, side, chosen)

    with moving(model.module, chosen):
        found = measured(stage.importance, stage.side)
        masks = stage.locus.masks(model.module, model.family, measured)
    kept = {name: torch.where(masks[name], part, 0.0) if name in masks else part for name, part in found.items()}
    return _yielded(kept, chosen, len(store.records(stage.side)))


def module_weighed(
    module: nn.Module,
    batches: Sequence[Batch],
    loss: Callable[[Batch], Tensor],
    *,
    importance: Importance | None = None,
    records: int = 0,
) -> Measured:
    """The importance of every parameter of any module: a classifier, a recommender, a denoiser.

    Args:
        module: Put into evaluation mode for the time of the call.
        batches: The data; each batch counts alike.
        loss: The mean loss of a batch, with gradients.
        importance: The estimate; None is the mean squared gradient of the batches (``batch_fisher``), which is Fisher's
            diagonal where a batch holds one record.
        records: How many records the batches hold; for an edit that weighs the sides by their numbers.
    """
    named = dict(module.named_parameters())
    training = module.training
    module.eval()
    try:
        with moving(module, named):
            parts = ((loss(batch), 1 / len(batches)) for batch in batches)
            found = estimated(importance or Importance("batch_fisher"), named, parts)
    finally:
        module.train(training)
    return _yielded(found, named, records)


def _yielded(found: Mapping[str, Tensor], named: Mapping[str, nn.Parameter], records: int) -> Measured:
    numbers = {name: {"importance": part} for name, part in found.items()}
    return Measured(numbers, {name: named[name].detach() for name in found}, records)


@contextmanager
def moving(module: nn.Module, chosen: Mapping[str, nn.Parameter]) -> Iterator[None]:
    """Within it gradients reach these parameters and no other one."""
    before = {parameter: parameter.requires_grad for parameter in module.parameters()}
    module.requires_grad_(False)
    for parameter in chosen.values():
        parameter.requires_grad_(True)
    try:
        yield
    finally:
        for parameter, wanted in before.items():
            parameter.requires_grad_(wanted)
