"""Changes of a tiny model's weights, and ways to see that they are there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor
from transformers import PreTrainedModel

from benign.models.delta import Delta, LowRank
from benign.models.encode import Encoder, collate
from benign.models.families.family import linear_modules
from benign.models.forward import answer_rows
from benign.models.load import Model

from .conftest import BLIND, WIDE

Models = Callable[[str], Model]
FIRST = "model.layers.0.self_attn.q_proj.weight"


def low_rank(model: Model, *, rank: int = 2, scale: float = 0.5, names: list[str] | None = None) -> Delta:
    generator = torch.Generator().manual_seed(7)
    changes: dict[str, Tensor | LowRank] = {}
    for name in names or linear_modules(model.module, model.family.language):
        out, into = model.module.get_submodule(name).weight.shape
        a, b = torch.randn(rank, into, generator=generator), torch.randn(out, rank, generator=generator)
        changes[f"{name}.weight"] = LowRank(a * 0.3, b * 0.3, scale)
    return Delta(changes)


def dense(model: Model, names: tuple[str, ...] = (FIRST, "model.norm.weight")) -> Delta:
    generator = torch.Generator().manual_seed(8)
    parameters = dict(model.module.named_parameters())
    return Delta({name: 0.1 * torch.randn(parameters[name].shape, generator=generator) for name in names})


def logits(model: Model) -> Tensor:
    encoder = Encoder(model.processor, model.family)
    record = WIDE if model.family.multimodal else BLIND
    with torch.no_grad():
        return answer_rows(model, collate([encoder.full(record)], pad_id=model.processor.pad_id)).logits


def plain_logits(model: Model, module: PreTrainedModel) -> Tensor:
    return logits(replace(model, module=module))


def weights(model: Model) -> dict[str, Tensor]:
    return {name: parameter.detach().clone() for name, parameter in model.module.named_parameters()}


def same_bits(model: Model, before: dict[str, Tensor]) -> bool:
    return all(torch.equal(before[name], parameter) for name, parameter in model.module.named_parameters())
