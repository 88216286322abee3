from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from benign.data.answers import Answers
from benign.data.batch import Batch
from benign.data.record import Record
from benign.models.collate import collate
from benign.models.forward import answer_rows
from benign.models.load import Model
from benign.models.states import layer_count, layer_states, patched_rows, read_out

from . import tiny

RECORDS = (Record("a", question="red", answer="blue dog"), Record("b", question="the sky is", answer="blue"))
TEXT = sorted(tiny.TEXT)


def batch_of(model: Model) -> Batch:
    return collate([model.encoder.full(record) for record in RECORDS], pad_id=model.processor.pad_id)


def rows_of(model: Model, batch: Batch) -> Answers:
    with torch.no_grad():
        return answer_rows(model, batch)


@pytest.mark.parametrize("name", TEXT)
def test_a_models_own_states_change_nothing(name: str, model_of: Callable[[str], Model]) -> None:
    model = model_of(name)
    batch, states = batch_of(model), layer_states(model, batch_of(model))
    plain = rows_of(model, batch)
    for layer in range(layer_count(model)):
        assert torch.equal(patched_rows(model, batch, layer, states[layer]).logits, plain.logits)


@pytest.mark.parametrize("name", TEXT)
def test_the_last_layers_states_of_another_model_give_that_models_logits(
    name: str, model_of: Callable[[str], Model]
) -> None:
    """Norm and head are shared, the layers are not; a change of an early layer alone would be seen by later ones."""
    model = model_of(name)
    batch = batch_of(model)
    plain = rows_of(model, batch)
    layers = model.family.layers_of(model.module)
    kept = {name: value.clone() for name, value in layers.state_dict().items()}
    try:
        torch.manual_seed(5)
        with torch.no_grad():
            for parameter in layers.parameters():
                parameter.add_(0.3 * torch.randn_like(parameter))
        other, states = rows_of(model, batch), layer_states(model, batch)
    finally:
        layers.load_state_dict(kept)
    assert not torch.allclose(other.logits, plain.logits, atol=1e-2), "the two models are alike"
    torch.testing.assert_close(patched_rows(model, batch, -1, states[-1]).logits, other.logits)
    first = patched_rows(model, batch, 0, states[0]).logits
    assert not torch.allclose(first, other.logits, atol=1e-3) and not torch.allclose(first, plain.logits, atol=1e-3)
    torch.testing.assert_close(rows_of(model, batch).logits, plain.logits, rtol=0, atol=0)


@pytest.mark.parametrize("name", TEXT)
def test_reading_out_the_last_layer_is_the_models_own_answer(name: str, model_of: Callable[[str], Model]) -> None:
    model = model_of(name)
    plain = rows_of(model, batch_of(model))
    states = layer_states(model, batch_of(model))
    torch.testing.assert_close(read_out(model, states[-1], plain.labels), plain.logp)
    assert not torch.allclose(read_out(model, states[0], plain.labels), plain.logp, atol=1e-4)


def test_states_are_those_that_transformers_gives(model_of: Callable[[str], Model]) -> None:
    """Independent: the module's own ``hidden_states``, whose last entry alone is behind the final norm."""
    model = model_of("llama")
    batch = batch_of(model)
    states = layer_states(model, batch)
    with torch.no_grad():
        hidden = model.module(**batch.inputs, output_hidden_states=True).hidden_states
    rows, columns = (batch.labels[:, 1:] != -100).nonzero(as_tuple=True)
    for layer in range(layer_count(model) - 1):
        torch.testing.assert_close(states[layer], hidden[layer + 1][rows, columns])
    torch.testing.assert_close(model.module.model.norm(states[-1]), hidden[-1][rows, columns])


@pytest.mark.parametrize("name", ["llava", "gemma3", "mllama"])
def test_models_that_see_pictures(name: str, model_of: Callable[[str], Model]) -> None:
    model = model_of(name)
    batch = model.encoder.full(RECORDS[0])
    plain, states = rows_of(model, batch), layer_states(model, batch)
    torch.testing.assert_close(read_out(model, states[-1], plain.labels), plain.logp)
    assert torch.equal(patched_rows(model, batch, 0, states[0]).logits, plain.logits)
