"""Which expert is chosen and what moves of it, by hand, in experts that are one tensor and in experts that are many."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from benign.errors import UserError
from benign.models.families.experts import expert_parameters, routers
from benign.models.families.family import Family
from benign.parts.loci.expert_use import ExpertUse
from benign.parts.loci.one_expert import OneExpert

FAMILY = Family("toy", (), language="", layers="model.layers")
EXPERTS = 3


class Block(nn.Module):
    """A mixture with a router, routed experts (each a module, or fused), and one that every token goes through."""

    def __init__(self, *, fused: bool) -> None:
        super().__init__()
        self.gate = nn.Linear(4, EXPERTS, bias=not fused)
        self.top_k = 2
        if fused:
            self.experts: nn.Module = nn.Module()
            self.experts.up_proj = nn.Parameter(torch.ones(EXPERTS, 5, 4))
        else:
            self.experts = nn.ModuleList(nn.Linear(4, 5) for _ in range(EXPERTS))
        self.shared_experts = nn.Linear(4, 5)


def model(*, fused: bool) -> nn.Module:
    made = nn.Module()
    made.model = nn.Module()
    made.model.layers = nn.ModuleList(nn.ModuleDict({"mlp": Block(fused=fused)}) for _ in range(2))
    made.model.layers.append(nn.ModuleDict({"mlp": nn.Linear(4, 4)}))
    made.config = SimpleNamespace()  # type: ignore[assignment]
    return made


USE = {
    "model.layers.0.mlp.gate": torch.tensor([0.2, 0.5, 0.3]),
    "model.layers.1.mlp.gate": torch.tensor([0.6, 0.1, 0.3]),
}


def measured(*_: Any) -> dict[str, Tensor]:
    return USE


def test_routers_are_found_where_experts_lie_beside_them_and_shared_ones_do_not_count() -> None:
    found = routers(model(fused=False), FAMILY)
    assert [(r.name, r.layer, r.experts, r.count, r.top) for r in found] == [
        (f"model.layers.{i}.mlp.gate", i, f"model.layers.{i}.mlp.experts", EXPERTS, 2) for i in (0, 1)
    ]
    owners = expert_parameters(model(fused=False), found[0])
    assert owners == {f"model.layers.0.mlp.experts.{i}.{part}": i for i in range(3) for part in ("weight", "bias")}
    assert expert_parameters(model(fused=True), found[1]) == {"model.layers.1.mlp.experts.up_proj": None}


@pytest.mark.parametrize("router", ["layer", "row", "none"])
@pytest.mark.parametrize("fused", [True, False])
def test_the_most_used_expert_of_all_layers_moves_and_of_its_router_what_is_asked(fused: bool, router: Any) -> None:
    made, locus = model(fused=fused), OneExpert(router=router)
    names, masks = locus.names(made, FAMILY), locus.masks(made, FAMILY, measured)
    assert set(masks) == set(names) and not any("shared" in name or ".2." in name[:16] for name in names)
    assert locus.chosen(made, FAMILY, measured) == {"model.layers.1.mlp.gate": (0,)}
    true = {name: mask.nonzero()[:, 0].unique().tolist() for name, mask in masks.items() if mask.any()}
    gate = {"layer": [0, 1, 2], "row": [0], "none": None}[router]
    gates = {f"model.layers.1.mlp.gate.{part}": gate for part in (["weight"] if fused else ["weight", "bias"]) if gate}
    experts = {"model.layers.1.mlp.experts.up_proj": [0]}
    if not fused:
        experts = {
            "model.layers.1.mlp.experts.0.weight": [0, 1, 2, 3, 4],
            "model.layers.1.mlp.experts.0.bias": [0, 1, 2, 3, 4],
        }
    assert true == gates | experts
    sizes = dict(made.named_parameters())
    assert all(mask.shape == sizes[name].shape and mask.dtype == torch.bool for name, mask in masks.items())


def test_a_layer_or_an_expert_may_be_given() -> None:
    made = model(fused=True)
    assert OneExpert(layer=0).chosen(made, FAMILY, measured) == {"model.layers.0.mlp.gate": (1,)}
    assert OneExpert(layer=-2).chosen(made, FAMILY, measured) == {"model.layers.1.mlp.gate": (0,)}
    assert OneExpert(layer=0, expert=2).chosen(made, FAMILY, None) == {"model.layers.0.mlp.gate": (2,)}  # type: ignore[arg-type]
    masks = OneExpert(layer=0, expert=2, router="none").masks(made, FAMILY, None)  # type: ignore[arg-type]
    assert {name: mask.nonzero()[:, 0].unique().tolist() for name, mask in masks.items()} == {
        "model.layers.0.mlp.experts.up_proj": [2]
    }


@pytest.mark.parametrize(
    ("locus", "problem"),
    [
        (OneExpert(layer=2), "layer 2 has no router"),
        (OneExpert(layer=0, expert=3), "no expert 3 among 3"),
        (OneExpert(expert=1), "its layer is not"),
    ],
)
def test_what_is_not_there_is_refused(locus: OneExpert, problem: str) -> None:
    with pytest.raises(UserError, match=problem):
        locus.names(model(fused=True), FAMILY)
    with pytest.raises(UserError, match="no mixture of experts"):
        OneExpert().names(nn.Linear(2, 2), FAMILY)


def test_affinities_by_hand() -> None:
    probabilities = torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.3, 0.6]])
    chosen, full = (ExpertUse(only_chosen=only).scores(probabilities, 2) for only in (True, False))
    assert chosen.tolist() == pytest.approx([0.25, 0.3, 0.3])
    assert full.tolist() == pytest.approx([0.3, 0.3, 0.4])
    assert float(full.sum()) == pytest.approx(1.0) and float(chosen.sum()) < 1.0
    assert ExpertUse().scores(probabilities, 3).tolist() == pytest.approx(full.tolist())
    with pytest.raises(UserError, match="at least one token"):
        ExpertUse(tokens=0).checked()
