"""Every record once per epoch, in an order shuffled anew each epoch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from benign.parts.samplers import Draw


@dataclass(frozen=True)
class Uniform:
    """Permutation sampling; the permutation is a function of (seed, epoch)."""

    def __call__(self, count: int, batch: int, *, seed: int, step: int) -> list[Draw]:
        """The draws of one step; a batch may reach over the end of an epoch."""
        places = range(step * batch, (step + 1) * batch)
        return [Draw(_permutation(count, seed, place // count)[place % count], place // count) for place in places]


@lru_cache(maxsize=64)
def _permutation(count: int, seed: int, epoch: int) -> tuple[int, ...]:
    return tuple(np.random.default_rng((seed, epoch)).permutation(count).tolist())
