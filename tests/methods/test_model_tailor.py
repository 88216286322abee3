"""Model Tailor as a method: refusal tuning's change, tailored by what the modules read, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benign.engine.measure import measured
from benign.engine.recipe import Measure, Optim, Sculpt, Train
from benign.engine.unlearn import unlearn
from benign.methods.idk import IDK
from benign.methods.model_tailor import ModelTailor
from benign.models.delta import load_delta
from benign.models.load import Model, load
from benign.parts.loci.layers import Layers
from benign.parts.loci.lora import Lora
from benign.parts.statistics.second_moment import SecondMoment
from tests import toys

OPTIM = Optim(lr=1e-2, epochs=None, steps=4)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(str(toys.text_model(tmp_path_factory.mktemp("model"))))


def test_the_moment_is_that_of_the_tokens_without_padding(model: Model, tmp_path: Path) -> None:
    stage = Measure("inputs", SecondMoment(over=r".*down_proj"), "retain")
    found = measured(model, stage, toys.data(), tmp_path, lambda *_: None)
    name = "model.layers.1.mlp.down_proj"
    assert set(found.numbers) == {name, name.replace("1", "0")}
    seen: list[torch.Tensor] = []
    handle = model.module.get_submodule(name).register_forward_pre_hook(lambda _, args: seen.append(args[0][0]))
    with torch.no_grad():
        for record in toys.data().retain:
            model.module(**model.encoder.full(record).inputs, use_cache=False)
    handle.remove()
    x = torch.cat(seen).double()
    torch.testing.assert_close(found.numbers[name]["moment"].double(), x.T @ x / len(x), rtol=1e-4, atol=1e-8)


def test_the_result_is_the_patch_of_refusal_tunings_change(model: Model, tmp_path: Path) -> None:
    locus, data = Lora(dropout=0.0), toys.data()
    method = ModelTailor(share=0.3, optim=OPTIM, locus=locus)
    result = unlearn(model, data, method=method, out=tmp_path / "out", cache=tmp_path / "stages")
    tuned = unlearn(model, data, method=IDK(optim=OPTIM, locus=locus), out=tmp_path / "idk", cache=tmp_path / "stages")
    marks = list((tmp_path / "stages").glob("*/done.json"))
    assert len(marks) == 1, "refusal tuning is trained once for both"
    assert result.adapter is not None and tuned.adapter is not None
    *stages, last = method.recipe().stages
    assert isinstance(stages[0], Train) and isinstance(last, Sculpt)
    trained = load_delta(tuned.adapter, model)
    moments = [measured(model, s, data, tmp_path, lambda *_: None) for s in stages if isinstance(s, Measure)]
    assert len(moments) == 2
    wanted, found = last.edit(trained, *moments), load_delta(result.adapter, model)
    assert set(found.tensors) == set(trained.tensors)
    for name in found.tensors:
        torch.testing.assert_close(found.dense(name), wanted.delta.dense(name), rtol=1e-4, atol=1e-7)
        share = float((found.dense(name) != 0).float().mean())
        assert share == pytest.approx(0.3, abs=0.01)
        assert 0.0 < wanted.facts[name]["lost"] < 1.0
    code = unlearn(model, data, method=replace(method, preset="code"), out=tmp_path / "code", cache=tmp_path / "stages")
    assert code.adapter is not None
    other = load_delta(code.adapter, model)
    assert any(not torch.equal(other.dense(name), found.dense(name)) for name in found.tensors)


def test_any_locus_can_be_tailored(model: Model, tmp_path: Path) -> None:
    """Norms and biases have no linear module's inputs; they keep what changed most."""
    method = ModelTailor(share=0.25, optim=OPTIM, locus=Layers(("block",), within=(1,)))
    result = unlearn(model, toys.data(), method=method, out=tmp_path / "out")
    assert result.adapter is not None
    delta = load_delta(result.adapter, model)
    assert {name.split(".")[2] for name in delta.tensors} == {"1"} and any("norm" in name for name in delta.tensors)
    for name in delta.tensors:
        assert float((delta.dense(name) != 0).float().mean()) == pytest.approx(0.25, abs=0.02)
