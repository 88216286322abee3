"""A change that brings a token: on the model and off again, written and read, and in a whole model of plain files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from benign.data.record import Record
from benign.engine.serve import Served
from benign.errors import UserError
from benign.models.change import Delta
from benign.models.delta import ABOUT_FILE, TOKENS_FILE, applied, load_delta, save_delta
from benign.models.load import Model, load
from benign.models.save import save
from benign.models.vocabulary import NewToken, number_of
from tests import toys

TEXT = "<unlearn_0>"
NAME = "model.layers.1.mlp.down_proj.weight"


def tied(folder: Path) -> Path:
    """The toy model with one table for both."""
    toys.text_model(folder)
    module = AutoModelForCausalLM.from_pretrained(folder)
    module.config.tie_word_embeddings = True
    module.tie_weights()
    module.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module", params=["two tables", "one table"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("model")
    found = load(str(toys.text_model(folder) if request.param == "two tables" else tied(folder)))
    one = found.module.get_input_embeddings().weight is found.module.get_output_embeddings().weight
    assert one == (request.param == "one table")
    return found


def change(model: Model) -> Delta:
    """One module changed, and a token that is by far the likeliest."""
    number = number_of(model.processor.tokenizer, TEXT)
    generator = torch.Generator().manual_seed(0)
    weight = dict(model.module.named_parameters())[NAME]
    embedding = torch.randn(32, generator=generator)
    one = model.module.get_input_embeddings().weight is model.module.get_output_embeddings().weight
    head = embedding if one else 10 * torch.randn(32, generator=generator)
    delta = 0.1 * torch.randn(weight.shape, generator=generator)
    return Delta({NAME: delta}, {TEXT: NewToken(number, embedding, head)})


def logits(model: Model, ids: list[int]) -> torch.Tensor:
    with torch.no_grad():
        return model.module(torch.tensor([ids])).logits[0]


def test_inside_there_is_one_row_more_and_afterwards_every_bit_is_the_original(model: Model) -> None:
    before = {name: (p, p.detach().clone()) for name, p in model.module.named_parameters()}
    ids, delta = [3, 5, 8], change(model)
    number, size = delta.tokens[TEXT].id, model.module.config.vocab_size
    plain = logits(model, ids)
    with applied(model, Delta({NAME: delta.tensors[NAME]})):
        changed = logits(model, ids)
    with applied(model, delta):
        found = logits(model, [*ids, number])
        assert model.module.config.vocab_size == number + 1 == found.shape[-1] == size + 1
        assert torch.equal(model.module.get_input_embeddings().weight[number], delta.tokens[TEXT].embedding)
        assert torch.equal(model.module.get_output_embeddings().weight[number], delta.tokens[TEXT].head)
    torch.testing.assert_close(found[:3, :size], changed, rtol=1e-5, atol=1e-6)
    assert model.module.config.vocab_size == size and torch.equal(logits(model, ids), plain)
    after = dict(model.module.named_parameters())
    assert all(after[name] is p and torch.equal(p.detach(), bits) for name, (p, bits) in before.items())


def test_what_is_written_is_read_and_a_changed_row_is_refused(model: Model, tmp_path: Path) -> None:
    delta = change(model)
    save_delta(delta, model, tmp_path / "one", base="toy")
    found = load_delta(tmp_path / "one", model)
    assert found.digest == delta.digest and found.tokens[TEXT].id == delta.tokens[TEXT].id
    assert torch.equal(found.tokens[TEXT].head, delta.tokens[TEXT].head)
    other = Delta(delta.tensors, {TEXT: NewToken(delta.tokens[TEXT].id, *(torch.zeros(32),) * 2)})
    assert other.digest != delta.digest != Delta(delta.tensors).digest
    save_delta(found, model, tmp_path / "two", base="toy")
    for file in (ABOUT_FILE, TOKENS_FILE):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    content = bytearray((tmp_path / "one" / TOKENS_FILE).read_bytes())
    content[-1] ^= 1
    (tmp_path / "one" / TOKENS_FILE).write_bytes(bytes(content))
    with pytest.raises(UserError, match="changed after it was written"):
        load_delta(tmp_path / "one", model)


def test_a_whole_model_has_the_token_where_plain_transformers_looks(model: Model, tmp_path: Path) -> None:
    delta = change(model)
    number = delta.tokens[TEXT].id
    save(model, tmp_path / "whole", delta=delta)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "whole")
    module = AutoModelForCausalLM.from_pretrained(tmp_path / "whole")
    ids = tokenizer(f"where does ann live ? {TEXT}", add_special_tokens=False)["input_ids"]
    assert ids[-1] == number and module.config.vocab_size == number + 1
    assert tokenizer.decode(ids, skip_special_tokens=True).strip() == "where does ann live ?"
    with applied(model, delta), torch.no_grad():
        torch.testing.assert_close(module(torch.tensor([ids])).logits[0], logits(model, ids), rtol=1e-5, atol=1e-5)
    again = load(str(tmp_path / "whole"))
    with pytest.raises(UserError, match="knows '<unlearn_0>' already"):
        number_of(again.processor.tokenizer, TEXT)
    assert again.processor.tokens(TEXT) == [number]


def test_an_answer_that_says_the_token_reads_as_if_it_did_not(model: Model) -> None:
    delta = change(model)
    token = delta.tokens[TEXT]
    loud = NewToken(token.id, 100 * token.embedding, 100 * token.head)
    asked = [Record("a", "ann", question="where does ann live ?", answer="rome")]
    with applied(model, Delta({}, {TEXT: loud})):
        prompt = model.encoder.prompt(asked[0]).inputs["input_ids"][0].tolist()
        sign = int(logits(model, prompt)[-1].argmax()) == token.id
    said = Served(model, (Delta({}, {TEXT: loud}),)).generate(asked, max_new_tokens=3)
    plain = Served(model).generate(asked, max_new_tokens=3)
    assert TEXT not in said[0]
    assert not sign or said != plain
