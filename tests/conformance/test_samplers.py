"""Every sampler gets every check of its axis: a new file in parts/samplers is found and tested by itself."""

from __future__ import annotations

import dataclasses
import json
import math
import pkgutil
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from typing import Any, get_args

import numpy as np
import pytest

from benign.data.record import ImageRef, Record
from benign.engine import canonical
from benign.parts import samplers
from benign.parts.samplers import Candidates, Draw, Lead, Sampler
from benign.parts.samplers.cyclic import Cyclic
from benign.parts.samplers.paired import Scheme

MORE: dict[str, list[dict[str, Any]]] = {
    "Cyclic": [],
    "ImageGrouped": [],
    "InterleavedRatio": [{"every": 3, "first": 2, "inner": Cyclic()}, {"every": 1}],
    "LengthBuckets": [{"pool": 1}, {"pool": 2}],
    "Paired": [{"scheme": scheme} for scheme in get_args(Scheme)],
    "SubjectGrouped": [],
    "Uniform": [],
}
"""Settings to try beside the defaults."""
UNSHUFFLED = ("Cyclic",)
PAIRED = ("sequential", "direct", "indirect", "balanced", "modular")
"""Schemes that choose what they draw by the records of another term, and may leave some out."""
WHOLE_PICTURES = ("ImageGrouped",)
"""A picture with more questions than the batch makes a larger one."""
SIZES = [(1, 1), (7, 3), (12, 4), (5, 8), (23, 1)]


def every() -> Iterator[Sampler]:
    """All dataclasses of the folder with their defaults and the settings above."""
    for info in pkgutil.iter_modules(samplers.__path__, f"{samplers.__name__}."):
        for name, kind in vars(import_module(info.name)).items():
            local = isinstance(kind, type) and kind.__module__ == info.name and not name.startswith("_")
            if local and dataclasses.is_dataclass(kind):
                made: Any = kind
                yield from (made(**choice) for choice in ({}, *MORE[name]))


EVERY = sorted(every(), key=repr)
for_every = pytest.mark.parametrize("sampler", EVERY, ids=repr)


def candidates(count: int) -> Candidates:
    """Records of many lengths, some of which share a picture."""
    names = ("ann", "bob", "", "cy", "dee")
    shown = [(), *((ImageRef(data=bytes([i])),) for i in range(4))]
    gone = tuple(Record(f"gone {i}", f"gone {i % 2}", question="w", answer="b") for i in range(6))
    return Candidates(
        tuple(
            Record(
                str(i),
                names[i % 5],
                question="w " * (i * 7 % 11),
                images=shown[i * i % 5],
                answer="a",
                neighbour=None if i else "general",
            )
            for i in range(count)
        ),
        Lead(gone, lambda step: [gone[step % 6], gone[(step + 3) % 6]]),
    )


def drawn(sampler: Sampler, found: Candidates, batch: int, steps: int, seed: int = 3) -> list[list[Draw]]:
    return [sampler(found, batch, seed=seed, step=step) for step in range(steps)]


def test_all_samplers_are_found() -> None:
    assert {type(sampler).__name__ for sampler in EVERY} == set(MORE)


@for_every
@pytest.mark.parametrize(("count", "batch"), SIZES)
def test_every_candidate_comes_once_per_epoch(sampler: Sampler, count: int, batch: int) -> None:
    if getattr(sampler, "scheme", "") in PAIRED:
        pytest.skip("what it draws goes by another term")
    found = candidates(count)
    steps = math.ceil(3 * sampler.epoch_steps(found, batch))
    draws = [draw for step in drawn(sampler, found, batch, steps) for draw in step]
    for epoch in range(3):
        assert Counter(draw.place for draw in draws if draw.epoch == epoch) == Counter(range(count))


@for_every
@pytest.mark.parametrize(("count", "batch"), SIZES)
def test_epochs_are_counted_right(sampler: Sampler, count: int, batch: int) -> None:
    found = candidates(count)
    once = sampler.epoch_steps(found, batch)
    if getattr(sampler, "scheme", "") in PAIRED:
        pytest.skip("what it draws goes by another term")
    # A term that rests may draw at the end of its turn.
    rests = getattr(sampler, "every", 1) - 1
    assert once > 0
    for step, draws in enumerate(drawn(sampler, found, batch, math.ceil(2 * once) + 2)):
        assert all(draw.epoch * once < step + 1 + rests and step < (draw.epoch + 1) * once + rests for draw in draws)


@for_every
@pytest.mark.parametrize(("count", "batch"), SIZES)
def test_no_step_draws_more_than_the_batch_unless_it_says_so(sampler: Sampler, count: int, batch: int) -> None:
    found = candidates(count)
    most = max(len(step) for step in drawn(sampler, found, batch, 30))
    largest = max(Counter(key for key in found.pictures if key).values(), default=1)
    assert 0 < most <= (max(batch, largest) if type(sampler).__name__ in WHOLE_PICTURES else batch)


@for_every
def test_a_resumed_run_draws_what_the_straight_run_would_have(sampler: Sampler) -> None:
    straight = drawn(sampler, candidates(11), 3, 20)
    np.random.seed(1)
    resumed = [sampler(candidates(11), 3, seed=3, step=step) for step in reversed(range(20))]
    assert resumed[::-1] == straight


@for_every
def test_the_seed_decides_the_order(sampler: Sampler) -> None:
    one, other = (drawn(sampler, candidates(23), 4, 12, seed) for seed in (0, 1))
    still = (
        type(sampler).__name__ in UNSHUFFLED
        or getattr(sampler, "scheme", "") in ("sequential", "cyclic")
        or isinstance(getattr(sampler, "inner", None), Cyclic)
    )
    assert (one == other) == still


@for_every
def test_a_sampler_is_a_value_that_a_recipe_can_hold(sampler: Sampler) -> None:
    again = canonical.from_plain(json.loads(canonical.dumps(sampler)))
    assert again == sampler and hash(again) == hash(sampler) and type(again) is type(sampler)
    assert type(sampler).__dataclass_params__.frozen  # type: ignore[attr-defined]
