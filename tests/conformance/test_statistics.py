"""Every statistic gets every check: a new file in parts/statistics is found and tested by itself."""

from __future__ import annotations

import dataclasses
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch

from benign.engine import canonical
from benign.models.load import Model, load
from benign.parts import statistics
from benign.parts.statistics import Curvature, Statistic
from tests import toys


def every() -> Iterator[Statistic]:
    """All dataclasses of the folder with their defaults, but for curvatures, which see gradients too."""
    for info in pkgutil.iter_modules(statistics.__path__, f"{statistics.__name__}."):
        for kind in vars(import_module(info.name)).values():
            if isinstance(kind, type) and kind.__module__ == info.name and dataclasses.is_dataclass(kind):
                made: Any = kind
                if not isinstance(made(), Curvature):
                    yield made()


EVERY = sorted(every(), key=repr)
for_every = pytest.mark.parametrize("statistic", EVERY, ids=repr)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(str(toys.text_model(tmp_path_factory.mktemp("model"))))


def test_there_are_some() -> None:
    assert EVERY


@for_every
def test_the_cut_into_batches_does_not_show(statistic: Statistic) -> None:
    z = torch.randn(13, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    parts = [statistic.part(chunk) for chunk in z.split([1, 5, 7])]
    summed = {name: sum(part[name] for part in parts) for name in parts[0]}
    at_once, in_parts = (statistic.whole(found, 13) for found in (statistic.part(z), summed))
    assert at_once.keys() == in_parts.keys()
    for name in at_once:
        torch.testing.assert_close(at_once[name], in_parts[name])
        assert torch.isfinite(at_once[name]).all()
    moved = statistic.whole(statistic.part(z.roll(3, 0)), 13)
    assert all(torch.allclose(moved[name], at_once[name]) for name in at_once), "the order of tokens does not matter"
    other = statistic.whole(statistic.part(2 * z + 1), 13)
    assert any(not torch.allclose(other[name], at_once[name]) for name in at_once), "it looks at the inputs"


@for_every
def test_it_looks_at_linear_modules_of_the_model(statistic: Statistic, model: Model) -> None:
    names = statistic.modules(model.module, model.family)
    assert names and len(set(names)) == len(names)
    assert all(isinstance(model.module.get_submodule(name), torch.nn.Linear) for name in names)


@for_every
def test_it_is_a_plain_value(statistic: Statistic, tmp_path: Path) -> None:
    assert canonical.from_plain(canonical.to_plain(statistic)) == statistic
