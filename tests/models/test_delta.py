"""Deltas as values: applying them, taking them back, and their identity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import peft
import pytest
import torch

from benign.errors import UserError
from benign.models.delta import Delta, LowRank, applied
from benign.models.load import load

from .changes import FIRST, Models, dense, logits, low_rank, same_bits, weights


def test_low_rank_is_the_scaled_product() -> None:
    change = LowRank(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0], [4.0], [5.0]]), 2.0)
    assert change.dense().tolist() == [[6.0, 12.0], [8.0, 16.0], [10.0, 20.0]]
    assert change.shape == (3, 2)


def test_applied_changes_inside_and_restores_every_bit(model_of: Models) -> None:
    model = model_of("llama")
    before, first = weights(model), logits(model)
    delta = Delta({**low_rank(model).tensors, **dense(model, ("model.norm.weight",)).tensors})
    with applied(model, delta):
        changed = dict(model.module.named_parameters())
        for name, change in delta.tensors.items():
            full = change.dense() if isinstance(change, LowRank) else change
            assert torch.allclose(changed[name], before[name] + full, atol=1e-6)
        assert not torch.allclose(logits(model), first, atol=1e-3)
    assert same_bits(model, before)
    assert torch.equal(logits(model), first)


def test_applied_restores_after_an_exception(model_of: Models) -> None:
    model = model_of("llama")
    before = weights(model)
    with pytest.raises(KeyboardInterrupt), applied(model, dense(model)):
        raise KeyboardInterrupt
    assert same_bits(model, before)


def test_applied_under_an_injected_adapter(model_of: Models) -> None:
    model = model_of("llama")
    before, delta = weights(model), dense(model)
    with applied(model, delta):
        expected = logits(model)
    tuner = peft.LoraModel(model.module, peft.LoraConfig(r=2, target_modules=model.family.language), "default")
    try:
        with applied(model, delta):
            assert torch.allclose(logits(model), expected, atol=1e-6)
    finally:
        tuner.unload()
        model.module.requires_grad_(True)
    assert same_bits(model, before)


def test_applied_rounds_once_to_the_models_own_type(folder_of: Callable[[str], Path]) -> None:
    model = load(str(folder_of("llama")), dtype="bfloat16", device="cpu")
    delta, base = dense(model), dict(model.module.named_parameters())[FIRST].detach().clone()
    with applied(model, delta):
        found = dict(model.module.named_parameters())[FIRST]
        expected = (base.float() + delta.tensors[FIRST]).bfloat16()  # type: ignore[operator]
        assert found.dtype == torch.bfloat16 and torch.equal(found, expected)
    assert torch.equal(dict(model.module.named_parameters())[FIRST], base)


def test_digest_depends_on_content_not_on_order(model_of: Models) -> None:
    delta = low_rank(model_of("llama"))
    turned = Delta(dict(reversed(delta.tensors.items())))
    assert turned.digest == delta.digest
    name, change = next(iter(delta.tensors.items()))
    assert isinstance(change, LowRank)
    for other in (
        replace(change, scale=0.6),
        replace(change, a=change.a + 1e-3),
        replace(change, b=change.b.half()),
    ):
        assert Delta({**delta.tensors, name: other}).digest != delta.digest


def test_a_delta_that_does_not_fit_changes_nothing(model_of: Models) -> None:
    model = model_of("llama")
    before = weights(model)
    bad = Delta({**dense(model).tensors, "model.nothing.weight": torch.ones(2)})
    with pytest.raises(UserError, match="no parameter"), applied(model, bad):
        pass
    assert same_bits(model, before)
