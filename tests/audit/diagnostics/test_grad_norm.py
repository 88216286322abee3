"""Gradient norms: closed form at the head, backward() over the whole model, and nothing left behind."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from audit.inner import data, served, silent
from benign.audit.diagnostics.grad_norm import GradNorm, gradient_norms, tensor_norms
from benign.audit.score import Score
from benign.data.record import Data
from benign.engine.serve import Served
from benign.errors import NotMeasured
from benign.models.delta import Delta
from benign.models.forward import answer_rows


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Served:
    return served(tmp_path_factory.mktemp("gradients"), 4)


def test_the_head_has_a_closed_form(one: Served) -> None:
    """Logits W h and one labelled token: the gradient is (softmax - onehot) h', of norm |softmax - onehot| |h|."""
    model = one.model
    batch = model.encoder.full(data().forget[0])
    batch.labels[:, :-1] = -100
    with torch.no_grad():
        rows = answer_rows(model, batch, hidden_at="head")
    assert rows.hidden is not None
    error = rows.logits[0].softmax(-1)
    error[rows.labels[0]] -= 1
    expected = float(error.norm() * rows.hidden[0].norm())
    assert tensor_norms(model, batch, [model.module.lm_head.weight], 2.0) == [pytest.approx(expected, rel=1e-5)]
    model.encoder._kept.clear()


def test_it_is_what_backward_gives_and_leaves_nothing(one: Served) -> None:
    model, record = one.model, data().forget[0]
    frozen = model.module.model.layers[0].mlp.up_proj.weight
    frozen.requires_grad_(False)
    try:
        (found,) = gradient_norms(one, [record], silent)
        assert not frozen.requires_grad and all(p.grad is None for p in model.module.parameters())
    finally:
        frozen.requires_grad_(True)
    example = model.encoder.full(record)
    logits = model.module(**example.inputs).logits[0, :-1]
    kept = example.labels[0, 1:] != -100
    torch.nn.functional.cross_entropy(logits[kept], example.labels[0, 1:][kept]).backward()
    norms = [float(p.grad.norm()) for p in model.module.parameters() if p.grad is not None]
    model.module.zero_grad()
    assert len(norms) == len(list(model.module.parameters()))
    assert found == pytest.approx(np.mean(norms), rel=1e-4)


def test_dropout_is_off_and_the_mode_comes_back(one: Served) -> None:
    model = one.model
    expected = gradient_norms(one, data().forget[:1], silent)
    for layer in model.module.model.layers:
        layer.self_attn.attention_dropout = 0.5
    model.module.train()
    assert gradient_norms(one, data().forget[:1], silent) == expected
    assert model.module.training
    model.module.eval()


def test_members_have_smaller_gradients(one: Served) -> None:
    """A few steps down the gradient of the forget set make a delta that knows it; the AUC rises to 1."""
    model, records = one.model, data()
    before = GradNorm()(one, one, None, records, silent).score
    start = {name: p.detach().clone() for name, p in model.module.named_parameters()}
    optim = torch.optim.Adam(model.module.parameters(), lr=0.02)
    for _ in range(25):
        loss = sum(-answer_rows(model, model.encoder.full(r)).logp.mean() for r in records.forget)
        optim.zero_grad()
        loss.backward()
        optim.step()
    change = {name: (p.detach() - start[name]) for name, p in model.module.named_parameters()}
    with torch.no_grad():
        for name, p in model.module.named_parameters():
            p.copy_(start[name])
            p.grad = None
    after = GradNorm()(Served(model, (Delta(change),)), one, None, records, silent).score
    assert isinstance(before, Score) and isinstance(after, Score)
    assert after.value == 1 > before.value


def test_reasons(one: Served) -> None:
    assert isinstance(GradNorm()(one, one, None, Data(forget=data().forget), silent).score, NotMeasured)
