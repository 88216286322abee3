"""Bases in few bits: what is added to a layer's output is what a changed weight would compute; adapters alone learn."""

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from benign.engine.recipe import Optim
from benign.engine.unlearn import unlearn
from benign.errors import UserError
from benign.methods.npo import NPO
from benign.models import quantize, quantized
from benign.models.change import Delta, LowRank
from benign.models.delta import applied, load_delta
from benign.models.load import Model, load
from benign.models.save import save
from benign.parts.loci.all_weights import AllWeights
from tests import toys


def test_what_is_added_is_what_the_changed_weight_computes() -> None:
    torch.manual_seed(0)
    layer, x = nn.Linear(6, 4), torch.randn(2, 3, 6)
    low, dense = LowRank(torch.randn(2, 6), torch.randn(4, 2), 0.5), torch.randn(4, 6)
    for change, difference in ((low, low.dense()), (dense, dense)):
        expected = x @ (layer.weight + difference).T + layer.bias
        with quantized.added({"layer.weight": layer}, {"layer.weight": change}):
            torch.testing.assert_close(layer(x), expected)
        torch.testing.assert_close(layer(x), x @ layer.weight.T + layer.bias)


def test_without_bitsandbytes_one_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantize, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"bitsandbytes.*benign\[quantized\]"):
        load(str(toys.text_model(tmp_path / "base")), quantize="4bit")


def test_another_number_of_bits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="3bit"):
        load(str(toys.text_model(tmp_path / "base")), quantize="3bit")  # type: ignore[arg-type]


@pytest.fixture(params=["4bit", "8bit"])
def few_bits(request: pytest.FixtureRequest, tmp_path: Path) -> Model:
    pytest.importorskip("bitsandbytes")
    return load(str(toys.text_model(tmp_path / "base")), quantize=request.param)


def logits(model: Model) -> torch.Tensor:
    found: torch.Tensor = model.module(torch.arange(12)[None]).logits
    return found.detach()


@pytest.mark.filterwarnings("ignore")
def test_a_decoder_in_few_bits_learns_by_an_adapter_and_is_what_it_was(few_bits: Model, tmp_path: Path) -> None:
    layers = quantized.quantized_linears(few_bits.module)
    assert len(layers) == 2 * 7 and not any("lm_head" in name or "embed" in name for name in layers)
    plain = load(str(tmp_path / "base"))
    assert 0 < (logits(few_bits) - logits(plain)).norm() < 0.25 * logits(plain).norm()
    assert few_bits.digest != plain.digest
    before = logits(few_bits)
    method = NPO(optim=Optim(lr=5e-2, epochs=None, steps=4), forget_batch=2, retain_batch=2)
    result = unlearn(few_bits, toys.data(), method=method, out=tmp_path / "run")
    assert torch.equal(logits(few_bits), before)
    delta = load_delta(result.folder / "adapter", few_bits)
    with applied(few_bits, delta):
        low = logits(few_bits)
    with applied(few_bits, Delta({name: delta.dense(name) for name in delta.tensors})):
        torch.testing.assert_close(logits(few_bits), low, atol=1e-3, rtol=1e-3)
    assert (low - before).abs().max() > 0.05 and torch.equal(logits(few_bits), before)
    with pytest.raises(UserError, match="another model"):
        load_delta(result.folder / "adapter", plain)


@pytest.mark.filterwarnings("ignore")
def test_what_needs_the_weights_themselves_is_refused(few_bits: Model, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="quantised"):
        unlearn(few_bits, toys.data(), method=NPO(locus=AllWeights()), out=tmp_path / "run")
    with pytest.raises(UserError, match="few bits"):
        save(few_bits, tmp_path / "written")
    name, layer = next(iter(quantized.quantized_linears(few_bits.module).items()))
    with pytest.raises(UserError, match="shape"), applied(few_bits, Delta({name: torch.zeros(layer.out_features, 1)})):
        sys.exit("unreachable")
