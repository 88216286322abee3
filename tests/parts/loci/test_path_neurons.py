"""Which weights belong to the neurons of a path, by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from benign.errors import UserError
from benign.models.families.family import Family
from benign.parts.loci import Estimate, Side
from benign.parts.loci.neuron_paths import NeuronPaths
from benign.parts.loci.path_neurons import PathNeurons, on_the_way

FAMILY = Family("toy", ("toy",), language=".*", layers="layers", vision=r"tower\..+")
BLIND = Family("toy", ("toy",), language=".*", layers="layers")


class Gated(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gate_proj, self.up_proj = nn.Linear(2, 3, bias=False), nn.Linear(2, 3, bias=False)
        self.down_proj = nn.Linear(3, 2)


class Plain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(2, 3), nn.Linear(3, 2)


class Block(nn.Module):
    def __init__(self, mlp: nn.Module) -> None:
        super().__init__()
        self.mlp = mlp


class Toy(nn.Module):
    """Two gated decoder layers and a vision tower of one plain layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([Block(Gated()), Block(Gated())])
        self.tower = nn.ModuleList([Block(Plain())])


SHARES = {
    "layers.0.mlp.down_proj": torch.tensor([0.5, 0.0, 1.0]),
    "layers.1.mlp.down_proj": torch.tensor([0.0, 0.0, 0.0]),
    "tower.0.mlp.fc2": torch.tensor([0.0, 0.25, 0.0]),
}


def measured(paths: Estimate, side: Side) -> dict[str, Tensor]:
    assert isinstance(paths, NeuronPaths) and side == "forget"
    return {name: SHARES[name] for name in on_the_way(paths, Toy(), FAMILY)}


def moving(locus: PathNeurons, family: Family = FAMILY) -> dict[str, list[list[bool]]]:
    masks = locus.masks(Toy(), family, measured)
    assert set(masks) == set(locus.names(Toy(), family))
    return {name: mask.tolist() for name, mask in masks.items()}


def test_what_is_read_of_a_neuron_is_a_column() -> None:
    assert moving(PathNeurons()) == {
        "layers.0.mlp.down_proj.weight": [[True, False, True]] * 2,
        "layers.1.mlp.down_proj.weight": [[False, False, False]] * 2,
        "tower.0.mlp.fc2.weight": [[False, True, False]] * 2,
    }


def test_what_makes_a_neuron_is_a_row() -> None:
    rows, seen = [[True] * 2, [False] * 2, [True] * 2], [[False] * 2, [True] * 2, [False] * 2]
    assert moving(PathNeurons(weights="in")) == {
        "layers.0.mlp.gate_proj.weight": rows,
        "layers.0.mlp.up_proj.weight": rows,
        "layers.1.mlp.gate_proj.weight": [[False] * 2] * 3,
        "layers.1.mlp.up_proj.weight": [[False] * 2] * 3,
        "tower.0.mlp.fc1.weight": seen,
    }


def test_a_neuron_must_lie_on_more_paths_than_the_least() -> None:
    assert moving(PathNeurons(vision=None, least=0.5))["layers.0.mlp.down_proj.weight"] == [[False, False, True]] * 2
    with pytest.raises(UserError, match="no neuron lies on so many paths"):
        moving(PathNeurons(text=None, least=0.25))


def test_each_stack_can_be_left_out_and_a_text_model_has_no_tower() -> None:
    assert list(moving(PathNeurons(text=None))) == ["tower.0.mlp.fc2.weight"]
    decoder = ["layers.0.mlp.down_proj.weight", "layers.1.mlp.down_proj.weight"]
    assert list(moving(PathNeurons(vision=None))) == list(moving(PathNeurons(), BLIND)) == decoder
    with pytest.raises(UserError, match="neither the decoder's neurons nor the tower's"):
        PathNeurons(text=None).names(Toy(), BLIND)


def test_a_path_ends_with_the_last_layer_that_is_looked_at() -> None:
    for upto in (0, -2, 0.4):
        assert on_the_way(NeuronPaths(upto=upto), Toy(), FAMILY) == ["layers.0.mlp.down_proj"]
    assert len(on_the_way(NeuronPaths(upto=-1), Toy(), FAMILY)) == 2
    with pytest.raises(UserError, match=r"the model has decoder layers 0 to 1, and none is layer 7") as told:
        on_the_way(NeuronPaths(upto=7), Toy(), FAMILY)
    assert told.value.where == "layer"
    with pytest.raises(UserError, match="only the decoder's paths can end early"):
        on_the_way(NeuronPaths("vision", upto=0), Toy(), FAMILY)


def test_models_without_neurons_and_with_experts_are_refused() -> None:
    bare = Toy()
    bare.layers = nn.ModuleList([nn.Linear(2, 2)])
    with pytest.raises(UserError, match="the decoder has no feed-forward neurons"):
        PathNeurons().names(bare, FAMILY)
    experts = Toy()
    experts.layers = nn.ModuleList([nn.ModuleDict({"a": Gated(), "b": Gated()})])
    with pytest.raises(UserError, match="a layer of experts has no single path"):
        PathNeurons().names(experts, FAMILY)
    with pytest.raises(UserError, match="at least 0 and less than 1"):
        PathNeurons(least=1.0).names(Toy(), FAMILY)
