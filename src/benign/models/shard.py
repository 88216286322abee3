"""A model whose decoder layers lie in parts on several devices (FSDP2): a layer is put together where it is computed.

All processes must therefore go through the layers equally often. Where one has fewer passes to make than another, it
makes empty ones (:meth:`Shards.most` says how many), and every backward pass goes through the graph of every pass that
was made (:meth:`Shards.tail`).
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import torch
from accelerate import PartialState
from torch import Tensor, nn
from torch import distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from benign.errors import UserError
from benign.models.families.family import Family


@dataclass
class Shards:
    """How the processes that share a model's layers keep step."""

    device: torch.device
    """Where this process computes."""
    _ends: list[Tensor] = field(default_factory=list)

    def most(self, count: int) -> int:
        """The largest of the processes' counts; every process must ask at the same place."""
        found = torch.tensor([count], device=self.device)
        dist.all_reduce(found, dist.ReduceOp.MAX)
        return int(found)

    def passed(self, logits: Tensor) -> None:
        """Note the end of a pass, if there is a gradient to take of it."""
        if logits.requires_grad:
            self._ends.append(logits.reshape(-1)[:1])

    def tail(self) -> Tensor:
        """Zero, with a gradient of zero that goes through every pass since the last call."""
        ends, self._ends = self._ends, []
        return 0 * torch.cat(ends).sum()


def together() -> bool:
    """Whether the processes of this run share the layers of the models they load: ``accelerate launch --use_fsdp``."""
    return os.environ.get("ACCELERATE_USE_FSDP", "false").lower() in ("true", "1")


def shard(module: nn.Module, family: Family) -> Shards:
    """Spread the decoder layers over the processes of the run; what stands beside them stays whole.

    Raises:
        UserError: There is but one process, or the family's layers differ from record to record.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        raise UserError(
            "one process has nobody to share a model with", where="shard", fix="start several: docs/scale.md"
        )
    if not family.mixes:
        raise UserError(
            f"the layers of {family.name} that look at pictures are skipped where there are none, so processes cannot "
            "keep step",
            where="shard",
        )
    state = PartialState(cpu=not torch.cuda.is_available())
    mesh = init_device_mesh(state.device.type, (state.num_processes,))
    for layer in family.layers_of(module):
        fully_shard(layer, mesh=mesh)
    return Shards(state.device)


def like(value: Tensor, parameter: Tensor) -> Tensor:
    """The value on the parameter's device; where processes share the parameter, this process' part of it."""
    value = value.to(parameter.device)
    if not isinstance(parameter, DTensor):
        return value
    return distribute_tensor(value, parameter.device_mesh, parameter.placements, src_data_rank=None)
