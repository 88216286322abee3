"""Every weighting gets every check of its axis: a new file in parts/weightings is found and tested by itself."""

from __future__ import annotations

import dataclasses
import json
import pkgutil
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from benign.engine import canonical
from benign.parts import weightings
from benign.parts.weightings import Weighting


def every() -> Iterator[Weighting]:
    """All dataclasses of the folder with their defaults."""
    for info in pkgutil.iter_modules(weightings.__path__, f"{weightings.__name__}."):
        for kind in vars(import_module(info.name)).values():
            if isinstance(kind, type) and kind.__module__ == info.name and dataclasses.is_dataclass(kind):
                made: Any = kind
                yield made()


EVERY = sorted(every(), key=repr)
for_every = pytest.mark.parametrize("weighting", EVERY, ids=repr)


@dataclasses.dataclass(frozen=True)
class Told:
    """Evidence from a seed, in an order of the records."""

    order: tuple[int, ...]
    seed: int = 0

    @property
    def count(self) -> int:
        return len(self.order)

    def _draw(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=torch.Generator().manual_seed(self.seed)).double()

    def logp(self) -> Sequence[Tensor]:
        values = -self._draw(self.count, 8).exp()
        return [values[place, : 1 + place % 8] for place in self.order]

    def features(self) -> Tensor:
        return self._draw(self.count, 4)[list(self.order)]

    def gradient_norms(self, points: int) -> Tensor:
        return self._draw(self.count).exp()[list(self.order)]

    def alignment(self, *, cosine: bool) -> Tensor:
        return self._draw(self.count)[list(self.order)]


def test_there_are_some() -> None:
    assert len(EVERY) >= 5


@for_every
@pytest.mark.parametrize("count", [1, 7, 40])
def test_there_is_a_weight_for_each_record(weighting: Weighting, count: int) -> None:
    weights = weighting(Told(tuple(range(count))), seed=3)
    assert len(weights) == count and min(weights) >= 0 and max(weights) > 0
    np.random.seed(1)
    torch.manual_seed(2)
    assert list(weighting(Told(tuple(range(count))), seed=3)) == list(weights), "a function of its arguments"


@for_every
def test_the_evidence_or_the_seed_decides(weighting: Weighting) -> None:
    plain = weighting(Told(tuple(range(40))), seed=3)
    assert weighting(Told(tuple(range(40)), seed=1), seed=4) != plain


@for_every
def test_records_keep_their_weights_where_only_the_order_changes(weighting: Weighting) -> None:
    order = tuple(np.random.default_rng(0).permutation(40).tolist())
    plain, moved = weighting(Told(tuple(range(40))), seed=3), weighting(Told(order), seed=3)
    if type(weighting).__name__ in ("RandomCoreset", "ModerateCoreset"):  # chance goes by place
        assert sum(moved) == sum(plain)
    else:
        assert moved == pytest.approx([plain[place] for place in order])


@for_every
def test_a_weighting_is_a_value_that_a_recipe_can_hold(weighting: Weighting) -> None:
    again = canonical.from_plain(json.loads(canonical.dumps(weighting)))
    assert again == weighting and hash(again) == hash(weighting) and type(again) is type(weighting)
