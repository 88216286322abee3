"""Guards against numbers obtained from the official code (inputs, outputs, source and commit in guards.json)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from benign.data.answers import Answers
from benign.parts.guards.corruptions import corrupted
from benign.parts.guards.logit_difference import LogitDifference
from benign.parts.guards.zeroth_order import ZerothOrder
from benign.parts.objectives.flatten import Flatten

FOUND: dict[str, Any] = json.loads(Path(__file__).with_name("guards.json").read_text())


@pytest.mark.parametrize("case", FOUND["uld"]["cases"], ids=lambda case: f"{case['weight']}-{case['filter']}")
def test_uld_subtracts_raw_logits_from_the_tokens_that_pass_the_filter(case: dict[str, Any]) -> None:
    base, assistant = torch.tensor(FOUND["uld"]["base"]), torch.tensor(FOUND["uld"]["assistant"])
    guard = LogitDifference(1, case["weight"], case["filter"], "code")
    torch.testing.assert_close(guard.joined(base, assistant), torch.tensor(case["logits"]), atol=2e-5, rtol=0)


def test_uld_flattens_by_the_same_divergence() -> None:
    logits = torch.tensor(FOUND["uld"]["base"])
    rows = Answers(logits, torch.zeros(len(logits), dtype=torch.long), torch.arange(len(logits)), len(logits))
    assert float(Flatten()(rows)) == pytest.approx(FOUND["uld"]["uniform"], abs=1e-5)


@pytest.mark.parametrize("case", FOUND["eco"]["cases"], ids=lambda case: f"{case['kind']}-{case['dims']}")
def test_eco_corrupts_the_same_entries(case: dict[str, Any]) -> None:
    embedded = torch.tensor(FOUND["eco"]["embedded"])
    share = case["dims"] / embedded.shape[1]
    found = corrupted(embedded, case["kind"], case["dims"], case.get("strength", share), torch.arange(4))
    torch.testing.assert_close(found, torch.tensor(case["embedded"]), atol=1e-6, rtol=0)


@pytest.mark.parametrize("run", FOUND["eco"]["search"]["runs"], ids=lambda run: str(run["sign"]))
def test_the_search_walks_the_same_way(run: dict[str, Any]) -> None:
    def score(x: float) -> float:
        value: float = run["sign"] * ((x - 2) ** 2 + 0.05 * x**3)
        return value

    for steps, wanted in enumerate(run["trace"], 1):
        search = ZerothOrder(run["start"], run["least"], run["reach"], run["rate"], steps)
        assert search(score, -1e9)[0] == pytest.approx(wanted, rel=1e-9)
