"""TIES as a method: the merge of what its two stages learned, and of nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from benign.engine.recipe import Optim
from benign.engine.unlearn import unlearn
from benign.methods.ties import TIES
from benign.models.delta import load_delta
from benign.models.load import load
from benign.parts.edits.ties import Ties
from benign.parts.loci.lora import Lora
from tests import toys


def test_the_result_is_the_merge_of_a_refusing_and_a_keeping_change(tmp_path: Path) -> None:
    model = load(str(toys.text_model(tmp_path / "base")))
    method = TIES(density=0.5, scale=0.7, optim=Optim(lr=1e-2, epochs=None, steps=6), locus=Lora(dropout=0.0))
    result = unlearn(model, toys.data(), method=method, out=tmp_path / "out", cache=tmp_path / "stages")
    stages = {}
    for mark in sorted((tmp_path / "stages").glob("*/done.json")):
        first = json.loads((mark.parent / "log.jsonl").read_text().splitlines()[0])
        stages[first["stage"]] = (load_delta(mark.parent / "delta", model), set(first))
    assert set(stages) == {"forgot", "kept"}
    assert "forget" in stages["forgot"][1] and "retain" not in stages["forgot"][1]
    assert "retain" in stages["kept"][1] and "forget" not in stages["kept"][1]
    wanted = Ties(0.5, 0.7)(stages["forgot"][0], stages["kept"][0]).delta
    assert result.adapter is not None
    found = load_delta(result.adapter, model)
    assert set(found.tensors) == set(wanted.tensors)
    for name in wanted.tensors:
        torch.testing.assert_close(found.dense(name), wanted.dense(name), rtol=1e-5, atol=1e-8)
    assert any(float(wanted.dense(name).abs().max()) > 1e-4 for name in wanted.tensors)
