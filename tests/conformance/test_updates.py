"""Every update gets every check of its axis: a new file in parts/updates is found and tested by itself."""

from __future__ import annotations

import dataclasses
import json
import pkgutil
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
import torch
from torch import Tensor, nn

from benign.engine import canonical, checkpoint
from benign.errors import UserError
from benign.parts import updates
from benign.parts.updates import Gradient, State, Update
from tests.parts.updates.quadratic import QuadraticStep, direction, flat, given_step, random_step, walk

NEUTRAL: dict[str, dict[str, Any]] = {
    "WeightedSum": {},
    "Alternating": {"groups": (("forget", "retain"),)},
    "GradientSurgery": {},
    "PrimalDual": {"start": 1.0, "step_size": 0.0},
    "SharpnessAware": {"rho": 0.0},
    "MaskedStep": {"gamma": 0.0},
    "ForgetFirst": {"gamma": 1.0},
    "GeometricDisentanglement": {},
    "GaussNewton": {},
    "PenaltyBilevel": {"inner_steps": 1, "inner_rate": 1e-9, "outer_rate": 1e-9, "beta": 0.0, "rho": 0.0},
}
"""The settings with which an update is the weighted sum, where the terms' gradients are orthogonal."""


def every() -> Iterator[Update]:
    """All dataclasses of the folder with their defaults, and with each value of their fields of named choices."""
    for info in pkgutil.iter_modules(updates.__path__, f"{updates.__name__}."):
        for name, kind in vars(import_module(info.name)).items():
            local = isinstance(kind, type) and kind.__module__ == info.name and not name.startswith("_")
            if local and dataclasses.is_dataclass(kind):
                made: Any = kind
                variants: list[Any] = [made(**choice) for choice in ({}, *choices(kind))]
                yield from {repr(variant): variant for variant in variants}.values()


def choices(kind: Any) -> list[dict[str, Any]]:
    hints = get_type_hints(kind)
    named = [f.name for f in dataclasses.fields(kind) if get_origin(hints[f.name]) is Literal]
    return [{name: value} for name in named for value in get_args(hints[name])]


EVERY = sorted(every(), key=repr)
for_every = pytest.mark.parametrize("update", EVERY, ids=repr)
WALKS = ("PenaltyBilevel",)
"""Those that take steps of a given rate before they say which way: they see curvature, and losses have a unit."""
for_every_still = pytest.mark.parametrize("update", [u for u in EVERY if type(u).__name__ not in WALKS], ids=repr)
SIDED = [update for update in EVERY if hasattr(update, "forget")]
for_every_with_sides = pytest.mark.parametrize("update", SIDED, ids=repr)


def fresh(step: QuadraticStep, update: Update) -> tuple[Tensor, State]:
    gradient, state = update(step, update.init(tuple(step.parameters)))
    return flat(gradient), state


def kept(state: State) -> tuple[dict[str, float], dict[str, list[list[float]]]]:
    return dict(state.numbers), {n: [t.flatten().tolist() for t in ts] for n, ts in state.tensors.items()}


def test_all_updates_are_found() -> None:
    assert {type(update).__name__ for update in EVERY} == set(NEUTRAL), "say with which settings it is a weighted sum"


@for_every
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_direction_is_finite_and_of_the_parameters_shapes_and_precision(update: Update, dtype: torch.dtype) -> None:
    exact, step = random_step(1), random_step(1)
    step.parameters = [p.to(dtype) for p in step.parameters]
    step.terms = {
        name: dataclasses.replace(term, matrix=term.matrix.to(dtype), centre=term.centre.to(dtype))
        for name, term in step.terms.items()
    }
    gradient, _ = update(step, update.init(tuple(step.parameters)))
    assert [(way.shape, way.dtype) for way in gradient] == [(p.shape, dtype) for p in step.parameters]
    assert all(bool(way.isfinite().all()) for way in gradient)
    torch.testing.assert_close(flat(gradient).double(), direction(update, exact), rtol=1e-4, atol=1e-4)


@for_every
@pytest.mark.parametrize("zero", [("forget",), ("retain",), ("forget", "retain")])
def test_zero_gradients_do_no_harm(update: Update, zero: Sequence[str]) -> None:
    ways = {name: [0.0, 0.0] if name in zero else [1.0, -2.0] for name in ("forget", "retain")}
    gradient, state = fresh(given_step(**ways), update)
    assert bool(gradient.isfinite().all())
    if len(zero) == 2:
        assert gradient.tolist() == [0.0, 0.0]
    assert bool(fresh(given_step(1, forget=[3.0, 0.0], retain=[0.0, 4.0]), update)[0].isfinite().all()), state


@for_every
def test_neutral_settings_give_the_weighted_sum_of_orthogonal_gradients(update: Any) -> None:
    neutral = dataclasses.replace(update, **NEUTRAL[type(update).__name__])
    step = given_step(forget=[2.0, 1.0, 0.0, 0.0], retain=[-0.5, 1.0, 7.0, 0.0])
    torch.testing.assert_close(fresh(step, neutral)[0], flat(step.sum()))


@for_every_still
@pytest.mark.parametrize("scale", [1e-4, 3.0, 1e4])
def test_losses_in_another_unit_give_the_same_direction(update: Update, scale: float) -> None:
    step, other = random_step(2), random_step(2)
    other.terms = {name: dataclasses.replace(t, matrix=scale**0.5 * t.matrix) for name, t in other.terms.items()}
    torch.testing.assert_close(direction(update, other), scale * direction(update, step), rtol=1e-6, atol=1e-9)


@for_every_still
def test_terms_that_weigh_more_are_terms_with_larger_gradients(update: Update) -> None:
    step, other = given_step(forget=[2.0, 1.0], retain=[-3.0, 1.5]), given_step(forget=[2.0, 1.0], retain=[-1.0, 0.5])
    other.terms = {**other.terms, "retain": dataclasses.replace(other.terms["retain"], weight=3.0)}
    torch.testing.assert_close(direction(update, other), direction(update, step))


@dataclass
class Watched(QuadraticStep):
    """A step that remembers what it handed out."""

    handed: list[tuple[Gradient, Gradient]] = field(default_factory=list)

    def sum(self, weights: Mapping[str, float] | None = None) -> Gradient:
        return self._noted(super().sum(weights))

    def gradients(self, names: Sequence[str] | None = None) -> dict[str, Gradient]:
        return {name: self._noted(way) for name, way in super().gradients(names).items()}

    def _noted(self, gradient: Gradient) -> Gradient:
        self.handed.append((gradient, tuple(way.clone() for way in gradient)))
        return gradient


@for_every
def test_nothing_that_it_is_given_is_changed(update: Update) -> None:
    parameters = random_step(3).parameters
    state = walk(update, 0, range(2), update.init(tuple(parameters)), parameters)
    step = Watched(random_step(3, number=2).terms, parameters, 2)
    before, remembered = [p.clone() for p in parameters], kept(state)
    update(step, state)
    assert all(torch.equal(a, b) for a, b in zip(before, parameters, strict=True))
    assert kept(state) == remembered
    assert step.handed
    assert all(torch.equal(a, b) for now, then in step.handed for a, b in zip(now, then, strict=True))


@for_every
def test_it_is_a_function_of_step_and_state_alone(update: Update) -> None:
    parameters = random_step(4).parameters
    state = walk(update, 0, range(3), update.init(tuple(parameters)), parameters)
    first, after = update(random_step(4, number=3), state)
    torch.manual_seed(99)
    walk(update, 50, range(4), update.init(tuple(parameters)), [p.clone() for p in parameters])
    second, again = update(random_step(4, number=3), state)
    assert torch.equal(flat(first), flat(second))
    assert kept(after) == kept(again)


@for_every
def test_a_run_resumed_from_a_checkpoint_is_the_straight_run(update: Update, tmp_path: Path) -> None:
    straight, halted = random_step(5).parameters, random_step(5).parameters
    whole = walk(update, 10, range(5), update.init(tuple(straight)), straight)
    state = walk(update, 10, range(2), update.init(tuple(halted)), halted)
    named = {str(place): nn.Parameter(parameter) for place, parameter in enumerate(halted)}
    optimizer = torch.optim.AdamW(named.values())
    checkpoint.write(tmp_path, "key", checkpoint.Progress(2, 0.0, state), named, optimizer)
    read = checkpoint.read(tmp_path, "key", named, optimizer)
    assert read is not None
    assert kept(read.state) == kept(state)
    resumed = walk(update, 10, range(2, 5), read.state, halted)
    assert all(torch.equal(a, b) for a, b in zip(straight, halted, strict=True))
    assert kept(resumed) == kept(whole)


@for_every_with_sides
def test_the_first_term_forgets_wherever_it_is_named(update: Any) -> None:
    ways = {"forget": [2.0, 1.0], "retain": [-3.0, 0.5]}
    swapped = given_step(retain=ways["retain"], forget=ways["forget"])
    named = direction(dataclasses.replace(update, forget=("forget",)), swapped)
    torch.testing.assert_close(named, direction(update, given_step(**ways)))


@for_every_with_sides
def test_a_name_of_no_term_is_refused(update: Any) -> None:
    with pytest.raises(UserError, match=r"unknown term 'forgte'.*did you mean 'forget'"):
        direction(dataclasses.replace(update, forget=("forgte",)), random_step(6))


@for_every
def test_an_update_is_a_value_that_a_recipe_can_hold(update: Update) -> None:
    again = canonical.from_plain(json.loads(canonical.dumps(update)))
    assert again == update and hash(again) == hash(update) and type(again) is type(update)
    assert type(update).__dataclass_params__.frozen  # type: ignore[attr-defined]
    neutral = dataclasses.replace(update, **NEUTRAL[type(update).__name__])  # type: ignore[type-var]
    assert canonical.from_plain(json.loads(canonical.dumps(neutral))) == neutral


@for_every
def test_the_source_or_the_formula_is_told(update: Update) -> None:
    told = f"{sys.modules[type(update).__module__].__doc__} {type(update).__doc__}"
    assert re.search(r"(arXiv |, )\d{4}\.\d{5}", told) or "g = " in told
