"""Every edit gets every check of its axis: a new file in parts/edits is found and tested by itself."""

from __future__ import annotations

import dataclasses
import json
import pkgutil
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
import torch
from torch import Tensor

from benign.engine import canonical
from benign.errors import UserError
from benign.models.change import Delta, LowRank
from benign.models.measured import Measured
from benign.parts import edits
from benign.parts.edits import Edit

MORE: dict[str, list[dict[str, Any]]] = {
    "AnchorMask": [{"k": 0.5}, {"k": float("inf")}],
    "TaskArithmetic": [{"scales": (-0.5, 2.0)}],
    "Ties": [{"density": 1.0, "scale": -0.5}],
    "Refactor": [{"rank": 2}, {"rank": None, "tolerance": 0.3}],
}
"""Settings to try beside the defaults and the named choices."""
TAKES = {"AnchorMask": 2, "Mean": 2, "Refactor": 1, "Ties": 2}
"""How many deltas an edit takes; TaskArithmetic takes one per scale."""


def every() -> Iterator[Edit]:
    """All edits of deltas, with their defaults, named choices and the settings above."""
    for info in pkgutil.iter_modules(edits.__path__, f"{edits.__name__}."):
        for name, kind in vars(import_module(info.name)).items():
            local = isinstance(kind, type) and kind.__module__ == info.name and not name.startswith("_")
            if local and dataclasses.is_dataclass(kind) and Measured not in get_type_hints(kind.__call__).values():
                made: Any = kind
                variants: list[Any] = [made(**choice) for choice in ({}, *choices(kind), *MORE.get(name, []))]
                yield from {repr(variant): variant for variant in variants}.values()


def choices(kind: Any) -> list[dict[str, Any]]:
    hints = get_type_hints(kind)
    named = [f.name for f in dataclasses.fields(kind) if get_origin(hints[f.name]) is Literal]
    return [{name: value} for name in named for value in get_args(hints[name])]


EVERY = sorted(every(), key=repr)
for_every = pytest.mark.parametrize("edit", EVERY, ids=repr)
SHAPES = {"z.weight": (5, 4), "a.weight": (3, 6), "m.weight": (4, 4)}


def takes(edit: Any) -> int:
    return len(edit.scales) if hasattr(edit, "scales") else TAKES[type(edit).__name__]


def inputs(edit: Edit, seed: int = 0) -> list[Delta]:
    """As many random deltas as the edit takes; the last module is low-rank."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    def delta() -> Delta:
        tensors: dict[str, Tensor | LowRank] = {name: drawn(*shape) for name, shape in SHAPES.items()}
        return Delta(tensors | {"m.weight": LowRank(drawn(2, 4), drawn(4, 2), 0.5)})

    return [delta() for _ in range(takes(edit))]


def mapped(delta: Delta, factor: float) -> Delta:
    """The delta times a factor, in full."""
    return Delta({name: factor * delta.dense(name) for name in delta.tensors})


def test_all_edits_are_found() -> None:
    assert {type(edit).__name__ for edit in EVERY} == {*TAKES, "TaskArithmetic"}


@for_every
def test_names_and_shapes_stay_and_all_is_finite(edit: Edit) -> None:
    edited = edit(*inputs(edit))
    assert {name: tuple(change.shape) for name, change in edited.delta.tensors.items()} == SHAPES
    assert all(bool(edited.delta.dense(name).isfinite().all()) for name in SHAPES)
    assert any(bool(edited.delta.dense(name).any()) for name in SHAPES)
    assert set(edited.facts) <= set(SHAPES)
    numbers = [number for facts in edited.facts.values() for number in facts.values()]
    assert all(isinstance(number, float) and number == number for number in numbers)


@for_every
def test_zero_in_zero_out(edit: Edit) -> None:
    edited = edit(*(mapped(delta, 0.0) for delta in inputs(edit)))
    assert not any(bool(edited.delta.dense(name).any()) for name in SHAPES)
    assert all(number == number for facts in edited.facts.values() for number in facts.values()), "NaN"


@for_every
@pytest.mark.parametrize("factor", [2.0**-10, 4.0])
def test_the_unit_of_the_weights_does_not_matter(edit: Edit, factor: float) -> None:
    once, scaled = edit(*inputs(edit)).delta, edit(*(mapped(delta, factor) for delta in inputs(edit))).delta
    for name in SHAPES:
        torch.testing.assert_close(scaled.dense(name), factor * once.dense(name), rtol=1e-4, atol=1e-4 * factor)


@for_every
def test_a_low_rank_delta_is_the_same_as_its_dense_one(edit: Edit) -> None:
    low, full = edit(*inputs(edit)).delta, edit(*(mapped(delta, 1.0) for delta in inputs(edit))).delta
    for name in SHAPES:
        torch.testing.assert_close(low.dense(name), full.dense(name), rtol=1e-4, atol=1e-5)


@for_every
def test_it_is_a_function_of_the_deltas_alone(edit: Edit) -> None:
    reordered = [Delta(dict(reversed(delta.tensors.items()))) for delta in inputs(edit)]
    torch.manual_seed(7)
    assert edit(*inputs(edit)).delta.digest == edit(*reordered).delta.digest
    assert edit(*inputs(edit)).facts == edit(*reordered).facts


@for_every
def test_the_deltas_that_it_is_given_stay_as_they_are(edit: Edit) -> None:
    given = inputs(edit)
    edit(*given)
    # Fresh values, because a delta remembers its digest.
    assert [Delta(delta.tensors).digest for delta in given] == [delta.digest for delta in inputs(edit)]


@pytest.mark.parametrize("edit", [edit for edit in EVERY if takes(edit) > 1], ids=repr)
def test_deltas_that_do_not_belong_together_are_refused_by_the_modules_name(
    edit: Edit,
) -> None:
    first, *rest = inputs(edit)
    other = Delta({**first.tensors, "a.weight": torch.ones(6, 3)})
    with pytest.raises(UserError, match=r"a\.weight"):
        edit(other, *rest)


@for_every
def test_no_delta_at_all_is_refused(edit: Edit) -> None:
    with pytest.raises((UserError, ValueError)):
        edit()


@for_every
def test_an_edit_is_a_value_that_a_recipe_can_hold(edit: Edit) -> None:
    again = canonical.from_plain(json.loads(canonical.dumps(edit)))
    assert again == edit and hash(again) == hash(edit) and type(again) is type(edit)
    assert type(edit).__dataclass_params__.frozen  # type: ignore[attr-defined]


@for_every
def test_the_source_is_told(edit: Edit) -> None:
    told = f"{sys.modules[type(edit).__module__].__doc__} {type(edit).__doc__}"
    assert re.search(r"arXiv \d{4}\.\d{5}|\d{4}\)|official code", told)
