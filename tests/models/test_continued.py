"""More tokens behind a question, and a new token among them, in families that give tokens more than their numbers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from benign.engine.rewrite import _Asked, _states
from benign.engine.token import _spoken, refusing
from benign.models.change import Delta
from benign.models.collate import IGNORED, continued
from benign.models.delta import applied
from benign.models.forward import answer_rows
from benign.models.load import Model
from benign.models.vocabulary import NewToken, extended, number_of

from . import tiny
from .conftest import BLIND, TWO, WIDE

OFTEN = ("gemma2", "gemma3", "qwen2_5_vl", "mllama")
"""Scaled embeddings, and every input that has an entry per token."""
ALL = [pytest.param(name, marks=() if name in OFTEN else pytest.mark.slow) for name in (*tiny.TEXT, *tiny.PICTURES)]
Models = Callable[[str], Model]


@pytest.mark.parametrize("name", ALL)
def test_a_question_with_its_answer_behind_it_is_what_the_processor_makes_of_both(name: str, model_of: Models) -> None:
    model, record = model_of(name), WIDE if name in tiny.PICTURES else BLIND
    full = model.encoder.full(record)
    said = full.labels[0][full.labels[0] != IGNORED]
    found = continued(model.encoder.prompt(record), said)
    assert torch.equal(found.labels, full.labels) and set(found.inputs) == set(full.inputs)
    assert all(torch.equal(found.inputs[key], full.inputs[key]) for key in full.inputs)
    later = continued(model.encoder.prompt(record), said, unlabelled=1).labels[0]
    assert later[later != IGNORED].tolist() == said[1:].tolist()


@pytest.mark.parametrize("name", ALL)
def test_a_token_is_learned_as_it_is_deployed(name: str, model_of: Models) -> None:
    """Where the embedding multiplies its rows, as Gemma's does, the row that is learned is multiplied too."""
    model, record = model_of(name), WIDE if name in tiny.PICTURES else BLIND
    number = number_of(model.processor.tokenizer, "<unlearn_0>")
    read, said = (t.weight for t in (model.module.get_input_embeddings(), model.module.get_output_embeddings()))
    drawn = [torch.randn(read.shape[1], generator=torch.Generator().manual_seed(seed)) for seed in range(4)]
    first, last = (NewToken(number, a, a if read is said else b) for a, b in (drawn[:2], drawn[2:]))
    asked = refusing(model, record, number, "no")
    with torch.no_grad():
        with (
            extended(model.module, {"<unlearn_0>": first}),
            _spoken(model, number, last.embedding, last.head),
        ):
            learned = answer_rows(model, asked).logits
        with applied(model, Delta({}, {"<unlearn_0>": last})):
            deployed = answer_rows(model, asked).logits
        with applied(model, Delta({}, {"<unlearn_0>": first})):
            before = answer_rows(model, asked).logits
    torch.testing.assert_close(learned, deployed, atol=1e-4, rtol=1e-4)
    assert float((before - deployed).abs().max()) > 1e-3


def test_states_do_not_depend_on_who_else_is_asked_where_pictures_do_not_mix(model_of: Models) -> None:
    model = model_of("mllama")
    prompts = [model.encoder.prompt(record) for record in (WIDE, TWO, BLIND)]
    together = _states(model, _Asked(prompts, [-1] * 3), 0)
    alone = [_states(model, _Asked([prompt], [-1]), 0) for prompt in prompts]
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=1e-5)
