"""GU's step as the official code makes it of two gradients and AdamW's state (its numbers, not its code: gu.json)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from benign.engine.step import TrainingStep
from benign.parts.updates import Gradient
from benign.parts.updates.gu import GeometricDisentanglement
from benign.parts.updates.pcgrad import GradientSurgery
from tests.parts.updates.quadratic import Quadratic, QuadraticStep, direction

THEIRS = json.loads(Path(__file__).with_name("gu.json").read_text(encoding="utf-8"))


def gradient(values: Any) -> Gradient:
    return tuple(torch.tensor(part) for part in values)


def flat(values: Any) -> Tensor:
    return torch.cat([part.flatten() for part in gradient(values)]).double()


def scale(steps: int) -> Gradient | None:
    """What the engine tells of AdamW after so many of the recorded steps."""
    parameters = [nn.Parameter(torch.zeros_like(part)) for part in gradient(THEIRS["before"][0])]
    optimizer = torch.optim.AdamW(parameters, betas=(0.0, 0.999), fused=True)
    for given in THEIRS["before"][:steps]:
        for parameter, way in zip(parameters, gradient(given), strict=True):
            parameter.grad = way
        optimizer.step()
    rows: Any = None  # nothing is run forward
    return TrainingStep([], rows, parameters, steps, 10, 0, optimizer=optimizer).scale()


def step(case: dict[str, Any], divisor: Gradient | None) -> QuadraticStep:
    """At zero, bowls around the negative gradients have these gradients; gamma is the forget term's weight."""
    size = len(flat(case["forget"]))
    terms = {
        "forget": Quadratic(torch.eye(size).double(), -flat(case["forget"]), case["gamma"]),
        "retain": Quadratic(torch.eye(size).double(), -flat(case["retain"])),
    }
    zeros = [torch.zeros_like(part).double() for part in gradient(case["forget"])]
    return QuadraticStep(terms, zeros, divisor=None if divisor is None else tuple(part.double() for part in divisor))


@pytest.mark.parametrize("case", THEIRS["cases"], ids=lambda c: f"{c['steps_before']}-{c['gu']['coefficient']}")
def test_the_step_is_theirs(case: dict[str, Any]) -> None:
    divisor = scale(case["steps_before"])
    assert (divisor is None) == (case["steps_before"] == 0)
    found = direction(GeometricDisentanglement(alpha=case["alpha"]), step(case, divisor))
    torch.testing.assert_close(found, flat(case["gu"]["gradient"]), rtol=1e-4, atol=1e-5)
    if case["steps_before"] == 0:
        # Before the first step their surgery under conflict alone is PCGrad's, of the one side.
        surgery = direction(GradientSurgery("forget_off_keep"), step(case, None))
        torch.testing.assert_close(surgery, flat(case["pcgrad"]["gradient"]), rtol=1e-4, atol=1e-5)
