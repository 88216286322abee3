"""One process reads a model, and the others get their parts of it: main memory holds the whole model once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist
from transformers import PreTrainedModel

from benign.errors import UserError
from benign.models.families.family import Family
from benign.models.shard import Shards, from_first, shard, sharing


@contextmanager
def reading(source: str) -> Iterator[bool]:
    """Whether this process is the one that reads the model; the others learn at the end whether it could.

    Raises:
        UserError: There is but one process, or another one could not read the model.
    """
    here = sharing()
    fine = torch.zeros(1, device=here.device)
    try:
        yield here.rank == 0
        fine += 1
    finally:
        dist.all_reduce(fine, dist.ReduceOp.MIN)
    if not fine:
        raise UserError("the process that reads the model for all of them could not", where=source)


def spread(module: PreTrainedModel, family: Family) -> Shards:
    """Give every process its parts of what the first one has read; the others' module is on the device ``meta``.

    Raises:
        UserError: The family's layers differ from record to record.
        RuntimeError: The processes have different modules.
    """
    here = sharing()
    _agree(module, here)
    read: dict[str, Tensor] = {}
    if here.rank == 0:
        for name, parameter in list(module.named_parameters()):
            read[name] = parameter.detach()
            _replace(module, parameter, torch.empty_like(parameter, device="meta"))
    shards = shard(module, family)
    with torch.no_grad():
        for name, parameter in list(module.named_parameters()):
            # Let go of one by one, so that what is held of the whole model becomes less.
            _replace(module, parameter, from_first(read.pop(name, None), parameter, here.device))
        for places, name, value in _loose(module):
            given = from_first(None if here.rank else value, value, here.device)
            if here.rank:
                # What is no buffer stays in main memory when a module is moved.
                places[name] = given.cpu() if "_buffers" in places else given
    return shards


def _replace(module: nn.Module, old: nn.Parameter, values: Tensor) -> None:
    """Put other values in the place of a parameter, under all the names that it has."""
    new = nn.Parameter(values, requires_grad=old.requires_grad)
    for part in module.modules():
        for name, parameter in part._parameters.items():
            if parameter is old:
                part._parameters[name] = new


def _agree(module: nn.Module, here: Shards) -> None:
    """Give what is on ``meta`` the types that the first process has read; some weights keep one of their own."""
    named = [*module.named_parameters(), *((name, value) for _, name, value in _loose(module))]
    mine = [(name, list(value.shape), str(value.dtype)) for name, value in named]
    first = [tuple(one) for one in json.loads(told(json.dumps(mine)))]
    if [one[:2] for one in first] != [one[:2] for one in mine]:
        raise RuntimeError("the module made from the configuration has other tensors than the one that was read")
    if here.rank:
        for (_, value), (_, _, kind) in zip(named, first, strict=True):
            value.data = value.data.to(getattr(torch, kind.removeprefix("torch.")))


def _loose(module: nn.Module) -> list[tuple[dict[str, Any], str, Tensor]]:
    """Where the tensors stand that are no parameters: buffers, and what a module keeps beside them."""
    return [
        (places, name, value)
        for part in module.modules()
        for places in (part._buffers, vars(part))
        for name, value in places.items()
        if isinstance(value, Tensor)
    ]


def told(text: str) -> str:
    """What the first process has to say."""
    here = sharing()
    said = text.encode()
    size = torch.tensor([len(said)], device=here.device)
    dist.broadcast(size, 0)
    content = torch.zeros(int(size), dtype=torch.uint8, device=here.device)
    if here.rank == 0:
        content = torch.frombuffer(bytearray(said), dtype=torch.uint8).to(here.device)
    dist.broadcast(content, 0)
    return bytes(content.tolist()).decode()
