"""EK-FAC curvature and the solve with it, as the library kronfluence gives them (its numbers: kronfluence.json)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from benign.models.measured import Numbers
from benign.parts.statistics.kronecker import Kronecker
from benign.parts.updates.gauss_newton import GaussNewton
from tests.parts.updates.quadratic import Quadratic, QuadraticStep, direction

THEIRS: dict[str, Any] = json.loads(Path(__file__).with_name("kronfluence.json").read_text(encoding="utf-8"))
MODULES = sorted(THEIRS["modules"])


def double(values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def measured() -> dict[str, Numbers]:
    """Both passes over the records of two tokens, as the engine makes them."""
    first, last = (double(THEIRS["weights"][f"{name}.weight"]) for name in MODULES)
    statistic, pairs = Kronecker(of="likelihood"), dict[str, list[tuple[Tensor, Tensor]]]()
    labels = torch.tensor(THEIRS["y"])
    for place, record in enumerate(double(THEIRS["x"])):
        left = (record @ first.T).requires_grad_()
        between = left.tanh()
        logits = between @ last.T
        pull = statistic.pull(logits.detach(), labels[place], place=place)
        (back,) = torch.autograd.grad(logits, left, pull)
        for name, x, g in zip(MODULES, (record, between.detach()), (back, pull), strict=True):
            pairs.setdefault(name, []).append((x, g))
    tokens = labels.numel()

    def summed(parts: list[Numbers]) -> Numbers:
        return {key: torch.stack([part[key] for part in parts]).sum(0) for key in parts[0]}

    found = {}
    for name, of_module in pairs.items():
        whole = statistic.whole(summed([statistic.part(x, g) for x, g in of_module]), tokens, tokens)
        again = summed([statistic.again(whole, x, g) for x, g in of_module])
        found[name] = statistic.refined(whole, again, tokens)
    return found


@pytest.mark.parametrize("name", MODULES)
def test_the_curvature_is_theirs_per_token(name: str) -> None:
    ours, theirs = measured()[name], THEIRS["modules"][name]
    tokens, records = theirs["counted"]
    bases = torch.kron(ours["outputs"].double(), ours["inputs"].double())
    dense = bases @ torch.diag(ours["values"].double().flatten()) @ bases.T
    # They count the records of the corrected values, and the tokens of the factors.
    torch.testing.assert_close(dense * tokens / records, double(theirs["curvature"]), rtol=1e-4, atol=1e-5)
    for side, key in (("inputs", "activation_covariance"), ("outputs", "gradient_covariance")):
        turned = ours[side].double().T @ double(theirs[key]) @ ours[side].double()
        torch.testing.assert_close(turned, turned.diagonal().diag(), rtol=0.0, atol=1e-5)


@pytest.mark.parametrize("name", MODULES)
def test_the_solve_is_theirs_of_one_module(name: str) -> None:
    ours, theirs = measured()[name], THEIRS["modules"][name]
    gradient = double(theirs["gradient"])
    term = Quadratic(torch.eye(gradient.numel()).double(), -gradient.flatten())
    step = QuadraticStep({"forget": term}, [torch.zeros_like(gradient)], curvature=[ours])
    mean = float(ours["values"].double().mean())
    tokens, records = theirs["counted"]
    found = direction(GaussNewton(0.1), step).view_as(gradient) / (1.1 * mean) * records / tokens
    torch.testing.assert_close(found, double(theirs["preconditioned"]), rtol=1e-4, atol=1e-5)
