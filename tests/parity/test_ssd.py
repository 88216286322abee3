"""Importances and dampened weights as the official code gives them (its numbers, not its code: ssd.json)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from benign.engine.weigh import module_weighed
from benign.models.change import add
from benign.parts.edits.dampening import Dampening

THEIRS = json.loads(Path(__file__).with_name("ssd.json").read_text())


def double(value: Any) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def network() -> nn.Module:
    made = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            parameter.copy_(double(THEIRS["weights"][name]))
    return made


@pytest.mark.parametrize("case", THEIRS["cases"], ids=lambda c: f"{c['batch']}-{c['alpha']}-{c['lambda']}")
def test_a_perceptron_is_dampened_alike(case: dict[str, Any]) -> None:
    net, x, y = network(), double(THEIRS["x"]), torch.tensor(THEIRS["y"])

    def batches(places: list[int]) -> list[list[int]]:
        return [places[start : start + case["batch"]] for start in range(0, len(places), case["batch"])]

    def loss(places: list[int]) -> Tensor:
        return nn.functional.cross_entropy(net(x[places]), y[places])

    forget = module_weighed(net, batches(THEIRS["forget"]), loss)
    everything = module_weighed(net, batches(list(range(len(y)))), loss)
    for name in THEIRS["weights"]:
        for ours, theirs in ((forget, case["forget"]), (everything, case["all"])):
            torch.testing.assert_close(
                ours.numbers[name]["importance"].double(), double(theirs[name]), rtol=1e-5, atol=1e-9
            )
    edited = Dampening(case["alpha"], case["lambda"], forget_share=0.0)(forget, everything)
    changed = {name: p for name, p in net.named_parameters() if name in edited.delta.tensors}
    add(edited.delta, changed)
    for name, parameter in net.named_parameters():
        torch.testing.assert_close(parameter.detach(), double(case["weights"][name]), rtol=1e-5, atol=1e-6)
    moved = [(p.detach() - double(THEIRS["weights"][n])).abs() > 1e-4 for n, p in net.named_parameters()]
    assert sum(int(entries.sum()) for entries in moved) > 3
