"""A system whose weights somebody changed by hand: changed within a call only, and bit for bit restored after it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from benign.data.record import Record
from benign.engine.serve import Progress, Scored, Served, stacked
from benign.models.change import parameters
from benign.models.load import Model
from benign.models.shard import like, whole

Change = Callable[[str, Tensor], Tensor]
"""(the weight's name, the weight as it is deployed) -> the weight after the attack, of the same shape."""


def decoder_matrices(model: Model) -> dict[str, nn.Parameter]:
    """The matrices of the decoder layers, experts included; no embedding, head, norm, bias or vision tower."""
    path = f"{model.family.layers}."
    known = parameters(model.module).items()
    return {name: weight for name, weight in known if name.startswith(path) and weight.ndim >= 2}


@dataclass(frozen=True, eq=False)
class Tampered:
    """A served system with other weights."""

    served: Served
    change: Change
    identity: str
    """All that the change depends on besides the system."""
    beside: Served | None = None
    """Another model whose weights must be the deployed ones while the change is made."""
    weights: Callable[[Model], Mapping[str, nn.Parameter]] = decoder_matrices
    """The weights that change; by default those that quantisers and pruners work on."""

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the system and the change."""
        parts = [self.served.digest, self.identity, self.beside.digest if self.beside else ""]
        return hashlib.sha256("/".join(parts).encode()).hexdigest()

    def generate(
        self, records: Sequence[Record], *, max_new_tokens: int, progress: Progress | None = None
    ) -> list[str]:
        """The changed system's answers."""
        with self.open() as served:
            return served.generate(records, max_new_tokens=max_new_tokens, progress=progress)

    def score(
        self, records: Sequence[Record], answers: Sequence[str], *, progress: Progress | None = None
    ) -> list[Scored]:
        """The changed system's log-probabilities."""
        with self.open() as served:
            return served.score(records, answers, progress=progress)

    def answers(
        self,
        asked: Sequence[Record],
        wanted: Sequence[tuple[Record, str]],
        *,
        max_new_tokens: int,
        progress: Progress | None = None,
    ) -> tuple[list[str], list[Scored]]:
        """Both at once, the weights changed once."""
        with self.open() as served:
            return served.answers(asked, wanted, max_new_tokens=max_new_tokens, progress=progress)

    def sample(
        self,
        records: Sequence[Record],
        k: int,
        *,
        seed: int,
        max_new_tokens: int,
        temperature: float = 1.0,
        top_p: float = 1.0,
        progress: Progress | None = None,
    ) -> list[tuple[str, ...]]:
        """The changed system's sampled answers."""
        with self.open() as served:
            return served.sample(
                records, k, seed=seed, max_new_tokens=max_new_tokens, temperature=temperature, top_p=top_p,
                progress=progress,
            )  # fmt: skip

    @contextmanager
    def open(self) -> Iterator[Served]:
        """The changed system for the time of the context."""
        model = self.served.model
        with ExitStack() as stack:
            for other in (self.served, self.beside):
                if other is not None:
                    stack.enter_context(stacked(other.model, other.deltas))
            stack.enter_context(_rewritten(self.weights(model), self.change))
            yield Served(model, (), self.served.batch)


@contextmanager
@torch.no_grad()
def _rewritten(targets: Mapping[str, nn.Parameter], change: Change) -> Iterator[None]:
    kept = {name: weight.detach().clone() for name, weight in targets.items()}
    try:
        for name, weight in targets.items():
            weight.copy_(like(change(name, whole(kept[name])), weight))
        yield
    finally:
        for name, weight in targets.items():
            weight.copy_(kept[name])
