"""Curvature measured on a model: the numbers are those of its weights' own gradients."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benign.engine.curvature import Passes
from benign.engine.measure import measured
from benign.engine.recipe import Measure
from benign.models.collate import collate
from benign.models.forward import answer_rows
from benign.models.load import Model, load
from benign.parts.statistics.kronecker import Kronecker
from benign.parts.updates.gauss_newton import divergence
from tests import toys


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(str(toys.text_model(tmp_path_factory.mktemp("model"))))


def test_its_values_are_the_squares_of_the_weights_gradients_in_the_bases(model: Model) -> None:
    statistic, records = Kronecker(of="likelihood"), toys.data().few[:3]
    names = list(statistic.modules(model.module, model.family))
    found = Passes(model, statistic, records, False, lambda *_: None).measured(names)
    assert set(found) == set(names)
    sums = {name: torch.zeros_like(model.module.get_submodule(name).get_parameter("weight")) for name in names}
    answer_tokens = 0
    for record in records:
        rows = answer_rows(model, collate([model.encoder.full(record)], pad_id=model.processor.pad_id))
        answer_tokens += len(rows.labels)
        weights = [model.module.get_submodule(name).get_parameter("weight") for name in names]
        for name, way in zip(names, torch.autograd.grad(rows.logp.sum(), weights), strict=True):
            sums[name] += (found[name]["outputs"].T @ way @ found[name]["inputs"]).square()
    for name in names:
        torch.testing.assert_close(found[name]["values"], sums[name] / answer_tokens, rtol=1e-3, atol=1e-6)


def test_it_predicts_the_divergence_of_the_whole_models_answers(model: Model) -> None:
    """Over random moves what lies between modules and between eigenvectors cancels: the mean is that of the matrix."""
    records = toys.data().few
    names = list(Kronecker().modules(model.module, model.family))
    # Each time with other noise.
    found = Passes(model, Kronecker(), records * 6, False, lambda *_: None).measured(names)
    weights = [model.module.get_submodule(name).get_parameter("weight") for name in names]
    batch = collate([model.encoder.full(record) for record in records], pad_id=model.processor.pad_id)

    @torch.no_grad()
    def said() -> torch.Tensor:
        return answer_rows(model, batch).logits.double().log_softmax(-1)

    before, changed, predicted = said(), 0.0, 0.0
    for seed in range(24):
        generator = torch.Generator().manual_seed(seed)
        move = tuple(2e-3 * torch.randn(weight.shape, generator=generator) for weight in weights)
        predicted += divergence(move, [found[name] for name in names])
        with torch.no_grad():
            kept = [weight.clone() for weight in weights]
            for weight, way in zip(weights, move, strict=True):
                weight.add_(way)
            changed += float((before.exp() * (before - said())).sum(-1).mean())
            for weight, value in zip(weights, kept, strict=True):
                weight.copy_(value)
    assert changed == pytest.approx(predicted, rel=0.15)


def test_noise_is_a_function_of_the_seed_and_not_of_global_state(model: Model, tmp_path: Path) -> None:
    def values(statistic: Kronecker) -> torch.Tensor:
        stage = Measure("curvature", statistic, "keep", ("memory",))
        folder = tmp_path / str(hash(statistic))
        found = measured(model, stage, toys.data(), folder, lambda *_: None)
        again = measured(model, stage, toys.data(), folder, lambda *_: None)
        name = next(iter(found.numbers))
        assert torch.equal(found.numbers[name]["values"], again.numbers[name]["values"]), "kept and read"
        return found.numbers[name]["values"]

    torch.manual_seed(1)
    first = values(Kronecker())
    torch.manual_seed(2)
    one_record = toys.data().few[:1]
    names = list(Kronecker().modules(model.module, model.family))
    before = Passes(model, Kronecker(), one_record, False, lambda *_: None).measured(names)
    again = Passes(model, Kronecker(), one_record, False, lambda *_: None).measured(names)
    assert torch.equal(before[names[0]]["values"], again[names[0]]["values"])
    assert not torch.allclose(first, values(Kronecker(seed=1)))
    assert not torch.allclose(first, values(Kronecker(of="likelihood")))


def test_the_model_is_left_as_it_was(model: Model) -> None:
    before = [(p.requires_grad, p.grad) for p in model.module.parameters()]
    Passes(model, Kronecker(), toys.data().few[:1], False, lambda *_: None).measured(
        list(Kronecker().modules(model.module, model.family))
    )
    assert [(p.requires_grad, p.grad) for p in model.module.parameters()] == before
    assert not any(m._forward_hooks for m in model.module.modules())
