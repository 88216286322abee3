"""What FILA's and VILA's adapters begin as, and the loss on them, as the official codes have it (their numbers, not
their code: started.json)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from benign.data.answers import Answers
from benign.engine.recipe import Train
from benign.methods.fila import FILA
from benign.methods.vila import VILA
from benign.parts.loci import Estimate, Side, StartedLocus
from benign.parts.loci.factors import TOKENS, factor
from benign.parts.loci.lora import Lora
from benign.parts.objectives.inverted_hinge import InvertedHinge

THEIRS = json.loads(Path(__file__).with_name("started.json").read_text(encoding="utf-8"))
LORA = Lora(rank=THEIRS["rank"], alpha=THEIRS["alpha"], dropout=0.0)


def preset(name: str) -> StartedLocus:
    methods = {"fila": FILA(lora=LORA, preset="code"), "vila": VILA(lora=LORA, preset="code")}
    (stage,) = methods[name].recipe().stages
    assert isinstance(stage, Train) and isinstance(stage.locus, StartedLocus)
    return stage.locus


def measured(case: dict[str, Any], side: Side) -> dict[str, Tensor]:
    tokens = case["tokens"][side == "retain"]
    given = {key: torch.tensor(values) for key, values in case[side].items()}
    if case["method"] == "fila":
        return {"w": given["W"] / tokens}
    return {factor("w", "A"): given["A"], factor("w", "B"): given["B"], TOKENS: torch.tensor(tokens)}


@pytest.mark.parametrize("case", THEIRS["cases"], ids=lambda c: f"{c['method']}-{c['forget'][max(c['forget'])][0][0]}")
def test_the_code_presets_begin_as_the_official_codes_do(case: dict[str, Any]) -> None:
    weight = torch.tensor(THEIRS["weight"])

    def ask(_: Estimate, side: Side) -> dict[str, Tensor]:
        return measured(case, side)

    pair = preset(case["method"]).start({"w": weight}, ask)["w"]
    taken = pair.scale * pair.b @ pair.a
    # The signs of singular vectors are anyone's: both factors are compared up to them.
    ours = {"a_gram": pair.a.T @ pair.a, "b_gram": pair.b @ pair.b.T, "product": taken, "base": weight - taken}
    for name, found in ours.items():
        theirs = torch.tensor(case[name])
        torch.testing.assert_close(found, theirs, rtol=1e-3, atol=2e-4 * float(theirs.abs().max()))


def test_the_inverted_hinge_and_its_gradient_are_theirs() -> None:
    theirs = THEIRS["hinge"]
    logits = torch.tensor(theirs["logits"], dtype=torch.float64).requires_grad_()
    labels = torch.tensor(theirs["labels"])
    kept = labels >= 0
    loss = InvertedHinge()(Answers(logits[kept], labels[kept], torch.zeros(int(kept.sum()), dtype=torch.long), 1))
    assert float(loss.detach()) == pytest.approx(theirs["loss"], rel=1e-7)
    (found,) = torch.autograd.grad(loss, logits)
    torch.testing.assert_close(found, torch.tensor(theirs["gradient"], dtype=torch.float64), rtol=1e-5, atol=1e-9)
