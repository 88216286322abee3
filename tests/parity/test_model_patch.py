"""Model Tailor's patch against numbers that the official code gave, which differ from the paper's idea by one sign.

``model_patch.json`` holds inputs and outputs with repository and commit. Of n entries of a block the code keeps those
whose score is above the int(n * sparsity)-th, so one less than n - int(n * sparsity).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from benign.parts.edits.model_patch import ModelPatch, squares

RECORDED: dict[str, Any] = json.loads(Path(__file__).with_name("model_patch.json").read_text(encoding="utf-8"))
for_each = pytest.mark.parametrize("case", RECORDED["cases"], ids=lambda case: f"block {case['block']}")


def given(case: dict[str, Any]) -> tuple[Tensor, Tensor, Tensor, float]:
    """The weight, the delta, the moment and the share that the code keeps."""
    weight, delta, x = (torch.tensor(case[name], dtype=torch.float64) for name in ("weight", "delta", "inputs"))
    entries = len(delta) * min(case["block"], delta.shape[1])
    return weight, delta, x.T @ x / len(x), (entries - int(entries * case["sparsity"]) - 1) / entries


@for_each
def test_with_the_codes_sign_it_is_the_codes_patch(case: dict[str, Any]) -> None:
    weight, delta, moment, share = given(case)
    found = ModelPatch(share, compensation="reversed", block=case["block"]).tailored(weight, delta, moment)
    theirs = torch.tensor(case["tailored"], dtype=torch.float64)
    assert torch.equal(found.kept, theirs.abs() > 1e-6)
    torch.testing.assert_close(found.delta, theirs, rtol=1e-4, atol=5e-6)


@for_each
def test_the_codes_sign_takes_the_outputs_further_away(case: dict[str, Any]) -> None:
    weight, delta, moment, share = given(case)
    theirs = torch.tensor(case["tailored"], dtype=torch.float64)
    plain = torch.where(theirs.abs() > 1e-6, delta, 0.0)
    ours = ModelPatch(share, block=case["block"]).tailored(weight, delta, moment).delta
    lost = [float(squares(patch - delta, moment)) for patch in (ours, plain, theirs)]
    assert lost[0] < lost[1] < lost[2]
