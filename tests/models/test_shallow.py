"""A model cut short, and what it holds at the end of a question."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from benign.errors import UserError
from benign.models.collate import collate
from benign.models.embedded import world
from benign.models.load import Model, load
from benign.models.prompts import Spans, prompt_of, prompt_states
from benign.models.shallow import shallow
from tests import toys


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(str(toys.text_model(tmp_path_factory.mktemp("model") / "base")))


def test_the_first_layers_then_norm_and_head(model: Model) -> None:
    tokens = torch.tensor([[3, 8, 5, 2]])
    with torch.no_grad():
        whole = model.module(tokens, output_hidden_states=True)
        with shallow(model, 1):
            short = model.module(tokens).logits
        torch.testing.assert_close(short, model.module.lm_head(model.module.model.norm(whole.hidden_states[1])))
        assert torch.equal(model.module(tokens).logits, whole.logits)
    assert not torch.allclose(short, whole.logits, atol=1e-3)


def test_names_and_memory_are_the_whole_models(model: Model) -> None:
    whole = dict(model.module.named_parameters())
    with shallow(model, 1):
        part = dict(model.module.named_parameters())
    assert {name for name in whole if "layers.1" in name} == set(whole) - set(part)
    assert all(part[name] is whole[name] for name in part)


def test_it_is_whole_again_after_a_mistake(model: Model) -> None:
    layers = model.module.model.layers
    with pytest.raises(RuntimeError, match="mine"), shallow(model, 1):
        raise RuntimeError("mine")
    assert model.module.model.layers is layers


@pytest.mark.parametrize("depth", [0, 3])
def test_a_depth_that_is_not_there_is_refused(model: Model, depth: int) -> None:
    with pytest.raises(UserError, match="2 decoder layers"), shallow(model, depth):
        pass


def test_states_are_transformers_own_whatever_stands_beside() -> None:
    model = load("embedded:vlm")
    records = [r for r in world.splits(5).forget if r.kind == "memory"][:6]
    prompts = [model.encoder.prompt(record) for record in records]
    found = prompt_states(model, prompts, (2, 0))
    assert len({prompt.labels.shape[1] for prompt in prompts}) > 1, "some are padded"
    for prompt, states in zip(prompts, found, strict=True):
        with torch.no_grad():
            hidden = model.module(**prompt.inputs, output_hidden_states=True).hidden_states
        torch.testing.assert_close(states, torch.stack([hidden[3][0, -1], hidden[1][0, -1]]), atol=1e-4, rtol=1e-4)
    full = [model.encoder.full(record) for record in records]
    cut = [prompt_of(example) for example in full]
    assert all(torch.equal(a.inputs["input_ids"], b.inputs["input_ids"]) for a, b in zip(cut, prompts, strict=True))


@pytest.mark.parametrize("side", ["left", "right"])
def test_where_questions_stand(model: Model, side: str) -> None:
    first, second = toys.data().forget
    records = (first, replace(second, question="which pet has ann ? where ?"))
    full = [model.encoder.full(record) for record in records]
    batch = collate(full, side=side, pad_id=model.processor.pad_id)  # type: ignore[arg-type]
    spans = Spans.of(batch, [])
    for row, record in enumerate(records):
        asked = model.encoder.prompt(record).inputs["input_ids"][0]
        assert torch.equal(batch.inputs["input_ids"][row][spans.inside[row]], asked)
        assert int(spans.tokens[row, spans.last[row]]) == int(asked[-1])
    assert not spans.pictures.any()
