"""The processes that make one run together, started by ``accelerate launch`` or ``torchrun``; usually there is one.

Every process draws the same steps and takes its share of each step's records; gradients and losses are summed over the
processes before an update sees them, so an update works on the whole step, whatever it does with the terms, and all
processes take the same step. The first process alone writes; the run's folder must be seen by all of them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

import torch
from accelerate import PartialState
from torch import Tensor
from torch import distributed as dist
from torch.distributed.tensor import DTensor

_Item = TypeVar("_Item")
_ALONE: ContextVar[bool] = ContextVar("alone", default=False)


@dataclass(frozen=True)
class World:
    """This process among those of the run."""

    rank: int = 0
    """Its number, from 0."""
    size: int = 1
    """How many there are."""

    @property
    def main(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def share(self, items: Sequence[_Item]) -> Sequence[_Item]:
        """This process' part of a sequence: parts are contiguous, together the whole, and differ by one at most."""
        cuts = [len(items) * number // self.size for number in (self.rank, self.rank + 1)]
        return items[cuts[0] : cuts[1]]

    def summed(self, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The sum over the processes of each tensor, in one message per type; the same bits in every process.

        The gradient of a weight that lies in parts on the processes was summed as it was taken, and stays as it is.
        """
        if self.size == 1 or not tensors:
            return tuple(tensors)
        found = {place: tensor for place, tensor in enumerate(tensors) if isinstance(tensor, DTensor)}
        for kind in dict.fromkeys(tensor.dtype for place, tensor in enumerate(tensors) if place not in found):
            places = [p for p, tensor in enumerate(tensors) if tensor.dtype == kind and not isinstance(tensor, DTensor)]
            flat = torch.cat([tensors[place].detach().flatten() for place in places])
            dist.all_reduce(flat)
            sizes = [tensors[place].numel() for place in places]
            parts = zip(places, flat.split(sizes), strict=True)
            found |= {place: part.view_as(tensors[place]) for place, part in parts}
        return tuple(found[place] for place in range(len(tensors)))

    def gathered(self, texts: Sequence[str]) -> list[list[str]]:
        """What every process has to say, by process."""
        if self.size == 1:
            return [list(texts)]
        device = PartialState().device
        own = torch.frombuffer(bytearray(json.dumps(list(texts)).encode()), dtype=torch.uint8).to(device)
        sizes = [torch.zeros(1, dtype=torch.int64, device=device) for _ in range(self.size)]
        dist.all_gather(sizes, torch.tensor([own.numel()], device=device))
        longest = max(int(size) for size in sizes)
        parts = [torch.zeros(longest, dtype=torch.uint8, device=device) for _ in range(self.size)]
        dist.all_gather(parts, torch.nn.functional.pad(own, (0, longest - own.numel())))
        sent = [bytes(part[: int(size)].tolist()) for part, size in zip(parts, sizes, strict=True)]
        return [json.loads(one) for one in sent]

    def agreed(self, yes: bool) -> bool:
        """What the first process answers; the others wait for it."""
        return self.gathered(["yes" if yes else ""])[0] == ["yes"]

    def wait(self) -> None:
        """Until every process has come here."""
        self.agreed(True)

    @contextmanager
    def first(self) -> Iterator[None]:
        """The first process does the block, then the others do: they find what it kept."""
        if not self.main:
            self.wait()
        try:
            yield
        finally:
            if self.main:
                self.wait()


def world() -> World:
    """The processes of this run; within :func:`alone`, this one."""
    if _ALONE.get() or int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return World()
    state = PartialState(cpu=not torch.cuda.is_available())
    return World(state.process_index, state.num_processes)


@contextmanager
def alone() -> Iterator[None]:
    """Within it this process works for itself, as where an attack trains what only this process asks."""
    token = _ALONE.set(True)
    try:
        yield
    finally:
        _ALONE.reset(token)
