"""Which retained records accompany which forget records: the seven schemes of MELU (arXiv 2509.05316)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np

from benign.data.record import Neighbour, Record
from benign.errors import UserError
from benign.parts.samplers import Candidates, Draw
from benign.parts.samplers.neighbours import TYPES, Near, near
from benign.parts.samplers.shuffle import permutation

Scheme = Literal["sequential", "random", "direct", "indirect", "balanced", "cyclic", "modular"]


@dataclass(frozen=True)
class Paired:
    """For a term that keeps, behind the one that forgets.

    ``batch`` records per step, by scheme:

    - ``sequential``: retained record i with forget record i, so that no more than the first ones are ever seen
      (with a larger batch: i, i + n, ... of n forget records);
    - ``random``: any, in an order shuffled anew each pass (TOFU, arXiv 2401.06121, and MELU's code draw each with
      replacement instead);
    - ``direct``: without the ``domain`` neighbours; ``indirect``: without the ``entity`` neighbours;
    - ``balanced``: the neighbour types in turn;
    - ``cyclic``: all, in the order of the file, round and round;
    - ``modular``: those that belong to the subjects forgotten at this step, their types in turn.

    How many steps there are is the stage's first term's. In the paper's code an epoch of ``direct``, ``indirect``,
    ``balanced`` and ``cyclic`` is one pass over the longer of the two sets; here it is always one over the forget set.
    """

    scheme: Scheme = "modular"
    """How they are paired."""
    nearest: int = 2
    """How many retained subjects are a forget subject's ``entity`` neighbours, where the records do not say."""

    def __call__(self, candidates: Candidates, batch: int, *, seed: int, step: int) -> list[Draw]:
        """The draws of one step.

        Raises:
            UserError: The term has none before it to pair with, the scheme leaves no record, or ``nearest`` is below 0.
        """
        if candidates.lead is None:
            raise UserError("a paired sampler needs a term before its own to pair with", where="sampler",
                            fix="use the method melu, which pairs the terms that keep")  # fmt: skip
        if self.nearest < 0:
            raise UserError(f"nearest must not be negative, got {self.nearest}", where="sampler")
        numbers = range(step * batch, (step + 1) * batch)
        if self.scheme in ("sequential", "modular"):
            drawn = candidates.lead.at(step)
            if not drawn:
                return []
            if self.scheme == "modular":
                return self._modular(candidates, drawn, batch, seed, step)
            places = _sequential(candidates.lead.records, drawn, batch)
            return [Draw(place % candidates.count, step) for place in places]
        if self.scheme == "cyclic":
            return [Draw(number % candidates.count, number // candidates.count) for number in numbers]
        found = near(candidates, self.nearest)
        if self.scheme == "balanced":
            pools = [pool for kind in TYPES if (pool := found.of((kind,)))]
            turns = [(pools[number % len(pools)], number // len(pools), number % len(pools)) for number in numbers]
            return [_shuffled(pool, number, seed + which) for pool, number, which in turns]
        pool = found.of(self._types())
        if not pool:
            raise UserError(f"no retained record is left for the scheme {self.scheme!r}", where="sampler")
        return [_shuffled(pool, number, seed) for number in numbers]

    def epoch_steps(self, candidates: Candidates, batch: int) -> Fraction:
        """The number of records over the batch."""
        return Fraction(candidates.count, batch)

    def _types(self) -> tuple[Neighbour, ...]:
        dropped = {"direct": "domain", "indirect": "entity"}.get(self.scheme)
        return tuple(kind for kind in TYPES if kind != dropped)

    def _modular(self, candidates: Candidates, drawn: Sequence[Record], batch: int, seed: int, step: int) -> list[Draw]:
        found = near(candidates, self.nearest)
        subjects = list(dict.fromkeys(record.subject for record in drawn))
        units = [_unit(found, subject, seed, step, number) for number, subject in enumerate(subjects)]
        turns = [divmod(number, len(units)) for number in range(batch)]
        return [Draw(units[which][turn % len(units[which])], step) for turn, which in turns]


def _shuffled(pool: Sequence[int], number: int, seed: int) -> Draw:
    epoch, place = divmod(number, len(pool))
    return Draw(pool[permutation(len(pool), seed, epoch)[place]], epoch)


def _sequential(records: Sequence[Record], drawn: Sequence[Record], batch: int) -> list[int]:
    places = {record.id: place for place, record in enumerate(records)}
    turns = [divmod(number, len(drawn)) for number in range(batch)]
    return [places[drawn[which].id] + turn * len(records) for turn, which in turns]


def _unit(found: Near, subject: str, seed: int, step: int, number: int) -> list[int]:
    """The subject's own retained records in a random order, its types in turn as long as each lasts."""
    random = np.random.default_rng((seed, step, number))
    pools = [random.permutation(found.pools.get((subject, kind), ())).astype(int).tolist() for kind in TYPES]
    longest = max(map(len, pools))
    return [pool[turn] for turn in range(longest) for pool in pools if turn < len(pool)]
