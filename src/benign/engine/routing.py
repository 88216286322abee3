"""How the routers of a mixture divide a user's records among their experts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn

from benign.data.record import Record
from benign.errors import UserError
from benign.models.collate import collate
from benign.models.families.experts import Router, probabilities, routers
from benign.models.forward import answer_rows
from benign.models.load import Model
from benign.parts.loci.expert_use import ExpertUse

_RECORDS = 16  # per forward pass
Report = Callable[[int, int], None]
"""Called as (records done, total)."""


@torch.no_grad()
def expert_use(model: Model, wanted: ExpertUse, records: Sequence[Record], report: Report) -> dict[str, Tensor]:
    """By the router's name, [experts] float64 how much the records use each, with questions, answers and all.

    Raises:
        UserError: The model has no router, or nothing is to be looked at.
    """
    wanted.checked()
    found = routers(model.module, model.family)
    if not found:
        raise UserError("the model is no mixture of experts: no layer has a router", where="locus")
    model.module.eval()
    sums = {one.name: torch.zeros(one.count, dtype=torch.float64) for one in found}
    tokens = looked = 0
    for start in range(0, len(records), _RECORDS):
        if wanted.tokens is not None and tokens >= wanted.tokens:
            break
        examples = [model.encoder.full(record) for record in records[start : start + _RECORDS]]
        batch = collate(examples, pad_id=model.processor.pad_id).to(model.module.device)
        real = batch.inputs["attention_mask"].bool()
        with _entering(model.module, found) as entered:
            answer_rows(model, batch)
        for one in found:
            router = model.module.get_submodule(one.name)
            divided = probabilities(router, entered[one.name]).view(*real.shape, -1)
            for row, mask in zip(divided, real, strict=True):
                sums[one.name] += wanted.scores(row[mask], one.top).cpu()
        tokens, looked = tokens + int(real.sum()), looked + len(examples)
        report(start + len(examples), len(records))
    return {name: total / looked for name, total in sums.items()}


@contextmanager
def _entering(module: nn.Module, found: Sequence[Router]) -> Iterator[dict[str, Tensor]]:
    seen: dict[str, Tensor] = {}

    def look(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def hook(_: nn.Module, args: tuple[Tensor, ...]) -> None:
            seen[name] = args[0].detach()

        return hook

    with ExitStack() as hooks:
        for one in found:
            hooks.callback(module.get_submodule(one.name).register_forward_pre_hook(look(one.name)).remove)
        yield seen
