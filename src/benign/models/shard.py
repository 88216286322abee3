"""A model whose weights lie in parts on several devices (FSDP2): a layer is put together where it is computed.

All processes must therefore go through the layers equally often. Where one has fewer passes to make than another, it
makes empty ones (:meth:`Shards.most` says how many), and every backward pass goes through the graph of every pass that
was made (:meth:`Shards.tail`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from accelerate import PartialState
from torch import Tensor, nn
from torch import distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from benign.errors import UserError
from benign.models.families.family import Family


@dataclass
class Shards:
    """How the processes that share a model's weights keep step."""

    device: torch.device
    """Where this process computes."""
    rank: int = 0
    """This process' number, from 0."""
    size: int = 1
    """How many processes share the model."""
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
    """Whether the processes of this run share the weights of the models they load: ``accelerate launch --use_fsdp``."""
    return os.environ.get("ACCELERATE_USE_FSDP", "false").lower() in ("true", "1")


def sharing() -> Shards:
    """This process among those that share.

    Raises:
        UserError: There is but one process.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        raise UserError(
            "one process has nobody to share a model with", where="shard", fix="start several: docs/scale.md"
        )
    state = PartialState(cpu=not torch.cuda.is_available())
    return Shards(state.device, state.process_index, state.num_processes)


def shard(module: nn.Module, family: Family) -> Shards:
    """Spread the language model over the processes of the run: its decoder layers each by itself, and the embeddings,
    the last norm and the head together. A vision tower and its projector stay whole, for not every pass sees a picture.

    Raises:
        UserError: There is but one process, or the family's layers differ from record to record.
    """
    shards = sharing()
    if not family.mixes:
        raise UserError(
            f"the layers of {family.name} that look at pictures are skipped where there are none, so processes cannot "
            "keep step",
            where="shard",
        )
    mesh = init_device_mesh(shards.device.type, (shards.size,))
    for layer in family.layers_of(module):
        fully_shard(layer, mesh=mesh)
    # After a forward pass too, so that a parameter is its part wherever it is looked at.
    fully_shard(module, mesh=mesh, reshard_after_forward=True, ignored_params=_beside(module, family))
    for part in module.modules():
        if isinstance(part, FSDPModule):
            # A loss is this process' share of the step's: the gradients are added up, and gloo can do nothing else.
            part.set_gradient_divide_factor(1.0)
            part.set_force_sum_reduction_for_comms(True)
    return shards


def _beside(module: nn.Module, family: Family) -> set[nn.Parameter]:
    """The parameters that do not belong to the language model."""
    tables = [getattr(module, f"get_{side}_embeddings")() for side in ("input", "output")]
    ours = {id(p) for table in tables if table is not None for p in table.parameters()}
    language = family.layers.rpartition(".")[0]
    return {p for n, p in module.named_parameters() if not n.startswith(f"{language}.") and id(p) not in ours}


def like(value: Tensor, parameter: Tensor) -> Tensor:
    """The value on the parameter's device; where processes share the parameter, this process' part of it."""
    if isinstance(value, DTensor):
        return value
    value = value.to(parameter.device)
    if not isinstance(parameter, DTensor):
        return value
    return distribute_tensor(value, parameter.device_mesh, parameter.placements, src_data_rank=None)


def whole(tensor: Tensor) -> Tensor:
    """The tensor with all its parts; every process must ask at the same place."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def own(tensor: Tensor) -> Tensor:
    """This process' part of the tensor, or all of it where nobody shares it; it shares the tensor's memory."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def part_of(tensor: Tensor, values: Tensor) -> Tensor:
    """The values as this process' part of a tensor that is shared as the given one is."""
    if not isinstance(tensor, DTensor):
        return values
    shape, stride = tensor.shape, tensor.stride()
    return DTensor.from_local(
        values, tensor.device_mesh, tensor.placements, run_check=False, shape=shape, stride=stride
    )


@contextmanager
def unread(modules: Sequence[nn.Module]) -> Iterator[Sequence[nn.Module]]:
    """Those of the linear modules of which this process has a part only; within it their weights read as zeros of the
    right shape, which take no memory. For code that wants to see whole weights and knows of no parts."""
    kept = {module: module.get_parameter("weight") for module in modules if shared([module.get_parameter("weight")])}
    for module, weight in kept.items():
        zero = torch.zeros((), dtype=weight.dtype, device=weight.device)
        module.weight = nn.Parameter(zero.expand(weight.shape), requires_grad=False)
    try:
        yield tuple(kept)
    finally:
        for module, weight in kept.items():
            module.weight = weight


def added_up(numbers: Sequence[Tensor]) -> float:
    """The sum of numbers of which each is one over a whole tensor, or over a shared tensor and so far over this
    process' part of it; in one message, which every process must send at the same place."""
    parts = [own(number).double() for number in numbers if shared([number])]
    found = sum((float(number) for number in numbers if not shared([number])), 0.0)
    if not parts:
        return found
    ours = torch.stack(parts).sum()
    dist.all_reduce(ours)
    return found + float(ours)


def shared(tensors: Sequence[Tensor]) -> bool:
    """Whether any of the tensors lies in parts on several devices."""
    return any(isinstance(tensor, DTensor) for tensor in tensors)


def gradients(
    loss: Tensor, parameters: Sequence[nn.Parameter], shards: Shards | None = None
) -> tuple[Tensor | None, ...]:
    """The gradient of a loss with respect to each parameter that it reaches; text reaches none of a vision tower's.

    Where processes share the weights, all of them must have computed the same loss, and get their parts.
    """
    if shards is None and not loss.requires_grad:
        return (None,) * len(parameters)
    if shards is None:
        return torch.autograd.grad(loss, list(parameters), allow_unused=True)
    # The processes' gradients are added up.
    (loss if shards.rank == 0 else 0 * loss).backward()
    shards.tail()
    found = tuple(parameter.grad for parameter in parameters)
    for parameter, gradient in zip(parameters, found, strict=True):
        parameter.grad = None
        if gradient is not None and not isinstance(gradient, DTensor):
            dist.all_reduce(gradient)
    return found


def backward(loss: Tensor, *, again: bool = False) -> None:
    """Go backward from a loss, once or more; one that reaches nothing that moves adds nothing to any gradient."""
    if loss.requires_grad:
        loss.backward(retain_graph=again)


def from_first(
    value: Tensor | None, parameter: Tensor, device: torch.device, *, dtype: torch.dtype | None = None
) -> Tensor:
    """What the first process has for a parameter that all of them share, in the parameter's parts; or, where it lies
    whole in each of them, all of it. Every process must ask at the same place.

    Args:
        value: In the first process, the values in the parameter's shape; None in the others.
        parameter: The parameter.
        device: Where the values go.
        dtype: The type of the values; None is the parameter's.
    """
    kind = dtype or parameter.dtype
    # In the others nothing is written to this memory, so none is taken.
    given = torch.empty(parameter.shape, dtype=kind, device=device) if value is None else value.to(device)
    if isinstance(parameter, DTensor):
        return distribute_tensor(given.contiguous(), parameter.device_mesh, parameter.placements, src_data_rank=0)
    given = given.clone() if value is not None else given
    dist.broadcast(given, 0)
    return given
