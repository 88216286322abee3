"""A decoder layer by number, from the end, or as a fraction of the way up; one that is none is told with the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from benign.cli.settings import changed
from benign.engine.recipe import Optim
from benign.engine.unlearn import unlearn
from benign.errors import UserError
from benign.methods.adaptive_rmu import AdaptiveRMU
from benign.methods.mip_editor import MIPEditor
from benign.methods.rmu import RMU
from benign.models.delta import load_delta
from benign.models.families.family import Family
from benign.models.load import Model, load
from benign.parts.loci.lora import Lora
from tests import toys

FAMILY = Family("toy", ("toy",), language=".*", layers="layers")
SHORT: dict[str, Any] = {"optim": Optim(lr=1e-2, epochs=None, steps=2), "locus": Lora(dropout=0.0)}


def stack(count: int) -> nn.Module:
    module = nn.Module()
    module.layers = nn.ModuleList(nn.Identity() for _ in range(count))
    return module


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(str(toys.text_model(tmp_path_factory.mktemp("model"))))


@pytest.mark.parametrize(
    ("count", "layer", "number"),
    [(4, 0, 0), (4, 3, 3), (4, -1, 3), (4, -4, 0), (4, 0.0, 0), (4, 0.25, 1), (4, 0.5, 2), (4, 0.99, 3), (2, 0.5, 1)],
)
def test_where_a_layer_lies(count: int, layer: float, number: int) -> None:
    assert FAMILY.layer_number(stack(count), layer) == number


def test_mip_editors_fraction_is_the_papers_layer_in_the_papers_models_and_one_of_any_model() -> None:
    default = MIPEditor().layer
    assert [FAMILY.layer_number(stack(count), default) for count in (32, 36)] == [7, 7]
    assert all(0 <= FAMILY.layer_number(stack(count), default) < count for count in range(1, 100))


@pytest.mark.parametrize("layer", [4, -5, 1.0, -0.25, 7.5])
def test_what_is_no_layer_is_told_with_those_that_are(layer: float) -> None:
    with pytest.raises(UserError) as told:
        FAMILY.layer_number(stack(4), layer)
    line = told.value.line()
    assert f"the model has decoder layers 0 to 3, and none is layer {layer}" in line and "--set layer=1" in line
    assert "\n" not in line


@pytest.mark.parametrize("kind", [RMU, AdaptiveRMU])
def test_the_papers_layer_is_refused_by_a_small_model_and_a_setting_mends_it(
    kind: type[Any], model: Model, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="the model has decoder layers 0 to 1, and none is layer 7"):
        unlearn(model, toys.data(), method=kind(**SHORT), out=tmp_path / "none")
    deltas = []
    for place, setting in enumerate(("layer=1", "layer=0.5", "layer=-1")):
        method = changed(kind(**SHORT), (setting,))
        result = unlearn(model, toys.data(), method=method, out=tmp_path / str(place))
        assert result.adapter is not None
        deltas.append(load_delta(result.adapter, model))
    for other in deltas[1:]:
        assert all(torch.equal(deltas[0].dense(name), other.dense(name)) for name in deltas[0].tensors)
