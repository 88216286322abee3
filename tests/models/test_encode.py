"""Encoding: overrides, documents, several turns, chat templates that cannot be used, and the cache."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from benign.data.batch import Batch
from benign.data.record import Message, Record, Slot
from benign.errors import UserError
from benign.models import encode
from benign.models.collate import PER_TOKEN
from benign.models.encode import Encoder, collate
from benign.models.load import Model
from benign.models.processor import Processor

from . import tiny, words
from .conftest import BLIND, TALL, TWO, WIDE, picture

Models = Callable[[str], Model]


def said(encoder: Encoder, batch: Batch, *, labelled: bool = False) -> str:
    ids = batch.labels[batch.labels != -100] if labelled else batch.inputs["input_ids"][0]
    return str(encoder.processor.tokenizer.decode(ids))


@pytest.fixture
def text(model_of: Models) -> Encoder:
    model = model_of("llama")
    return Encoder(model.processor, model.family)


@pytest.fixture
def eyes(model_of: Models) -> Encoder:
    model = model_of("llava")
    return Encoder(model.processor, model.family)


def with_template(model: Model, template: str | None) -> Encoder:
    inner = words.tokenizer(template, eos="<|im_end|>")
    return Encoder(Processor(inner, model.family), model.family)


def test_question_and_answer_can_be_replaced(text: Encoder) -> None:
    example = text.full(BLIND, question="Who?", answer="I cannot say.")
    assert said(text, example, labelled=True) == "I cannot say.<|im_end|>"
    assert "Who?" in said(text, example) and "Mars" not in said(text, example)
    assert text.prompt(BLIND, question="Who?").ids == ("blind",)


def test_an_answer_that_repeats_the_question_is_labelled_once(text: Encoder) -> None:
    example = text.full(BLIND, question="Two", answer="Two")
    assert said(text, example, labelled=True) == "Two<|im_end|>"


def test_special_token_in_the_answer_does_not_end_it_early(text: Encoder) -> None:
    example = text.full(BLIND, answer="a <|im_end|> b")
    assert said(text, example, labelled=True) == "a <|im_end|> b<|im_end|>"


def test_eos_is_added_where_the_template_ends_without_a_token(eyes: Encoder) -> None:
    example = eyes.full(WIDE)
    assert said(eyes, example, labelled=True) == " In Ulm</s>"
    assert int(example.labels[0, -1]) == words.IDS["</s>"]


def test_only_the_last_turn_of_a_conversation_is_labelled(text: Encoder) -> None:
    turns = (
        Message("system", ("Be brief.",)), Message("user", ("Hi",)), Message("assistant", ("Hello",)),
        Message("user", ("Who?",)), Message("assistant", ("Ada",)),
    )  # fmt: skip
    record = Record("talk", messages=turns)
    example = text.full(record)
    assert said(text, example, labelled=True) == "Ada<|im_end|>"
    assert "Hello" in said(text, example)
    assert "Ada" not in said(text, text.prompt(record))
    assert "Who?" not in said(text, text.prompt(record, question="Where?"))
    assert "Hello" in said(text, text.prompt(record, question="Where?"))


def test_a_conversation_that_waits_for_an_answer(text: Encoder) -> None:
    record = Record("talk", messages=(Message("user", ("Who?",)),))
    assert said(text, text.prompt(record)).endswith("assistant\n")
    assert said(text, text.full(record, answer="Ada"), labelled=True) == "Ada<|im_end|>"
    with pytest.raises(UserError, match="no answer"):
        text.full(record)


def begun(record: Record, beginning: str, rest: str) -> Record:
    turns = (*record.conversation()[:-1], Message("assistant", (beginning,)), Message("assistant", (rest,)))
    return Record("begun", images=record.images, messages=turns)


@pytest.mark.parametrize("name", [*tiny.TEXT, *tiny.PICTURES])
def test_an_answer_that_is_begun_goes_on_where_it_stopped(model_of: Models, name: str) -> None:
    model = model_of(name)
    encoder = Encoder(model.processor, model.family)
    for record in (BLIND, WIDE) if model.family.multimodal else (BLIND,):
        half, whole = begun(record, "Sure, it is:", "in Ulm"), replace(record, answer="Sure, it is: in Ulm")
        one, other = encoder.full(half), encoder.full(whole)
        assert torch.equal(one.inputs["input_ids"], other.inputs["input_ids"]), "the same text as in one piece"
        asked = int((one.labels[0] == -100).sum())
        assert said(encoder, one, labelled=True).strip().startswith("in Ulm")
        assert torch.equal(one.labels[0, asked:], other.labels[0, asked:])
        prompt = encoder.prompt(half)
        assert torch.equal(prompt.inputs["input_ids"][0], one.inputs["input_ids"][0, :asked])
        assert said(encoder, prompt).endswith("Sure, it is:"), "nothing closes the turn"


def test_a_template_that_rewrites_the_beginning_of_an_answer_is_refused(model_of: Models) -> None:
    encoder = with_template(model_of("llama"), words.CHATML.replace("{{ m['content'] }}", "{{ m['content'] | upper }}"))
    with pytest.raises(UserError, match="does not let an answer be begun"):
        encoder.prompt(begun(BLIND, "Sure:", "Ulm"))


def test_plain_document_is_labelled_from_its_second_token(text: Encoder) -> None:
    record = Record("doc", text="Ada was born in Ulm.")
    example = text.full(record)
    assert said(text, example) == "<s>Ada was born in Ulm."
    assert said(text, example, labelled=True) == "Ada was born in Ulm."
    assert torch.equal(example.labels[:, 1:], example.inputs["input_ids"][:, 1:])
    assert text.prompt(record).inputs["input_ids"].tolist() == [[words.IDS["<s>"]]]


def test_continuation_of_a_document(text: Encoder) -> None:
    record = Record("doc", text="Ada was born in Ulm.")
    example = text.full(record, question="Ada was born", answer=" in Rome.")
    assert said(text, example, labelled=True) == " in Rome."
    assert said(text, text.prompt(record, question="Ada was born")) == "<s>Ada was born"


def test_pictures_keep_their_places_when_the_question_changes(eyes: Encoder) -> None:
    one, two = eyes.prompt(WIDE), eyes.prompt(WIDE, question="Who?")
    count = [int((e.inputs["input_ids"] == words.IDS["<image>"]).sum()) for e in (one, two)]
    assert count == [4, 4]
    assert torch.equal(one.inputs["pixel_values"], two.inputs["pixel_values"])


def test_picture_mistakes(text: Encoder, eyes: Encoder) -> None:
    with pytest.raises(UserError, match="sees no pictures"):
        text.prompt(WIDE)
    assert text.prompt(WIDE, text_only=True).count == 1
    turns = (Message("user", (Slot.IMAGE, Slot.IMAGE, "Who?")),)
    with pytest.raises(UserError, match="2 picture places for 1 pictures"):
        eyes.prompt(Record("x", images=WIDE.images, messages=turns))
    with pytest.raises(UserError):
        eyes.prompt(replace(WIDE, images=(replace(WIDE.images[0], data=b"no picture"),)))
    with pytest.raises(UserError, match=r"pictures do not fit"):
        eyes.prompt(replace(WIDE, question="what is <image> here?"))


def test_no_question(text: Encoder) -> None:
    with pytest.raises(UserError, match="there is no question"):
        text.prompt(Record("stranger"))


def test_missing_chat_template_stops_questions_but_not_documents(model_of: Models) -> None:
    encoder = with_template(model_of("llama"), None)
    with pytest.raises(UserError, match="no chat template"):
        encoder.full(BLIND)
    assert encoder.full(Record("doc", text="Ada")).count == 1


@pytest.mark.parametrize(
    "template",
    [
        # The prompt is not where the full text begins.
        "{{ messages | length }}{% for m in messages %}{{ m['content'] }}<|im_end|>{% endfor %}",
        # The answer is rewritten.
        "{% for m in messages %}{{ m['content'] | upper }}<|im_end|>{% endfor %}",
    ],
)
def test_template_that_hides_the_answer_is_refused(model_of: Models, template: str) -> None:
    with pytest.raises(UserError, match="cannot be told apart"):
        with_template(model_of("llama"), template).full(BLIND)


def test_todays_date_and_thinking_are_left_out(model_of: Models) -> None:
    think = "<think>\n\n</think>\n\n"
    chat = (
        "{% if not date_string is defined %}{% set date_string = strftime_now('%f') %}{% endif %}"
        "{{ date_string }}{% for m in messages %}{{ m['role'] }}:"
        "{% if m['role'] == 'assistant' %}THINK{% endif %}{{ m['content'] }}"
        "<|im_end|>{% endfor %}{% if add_generation_prompt %}assistant:"
        "{% if enable_thinking is defined and not enable_thinking %}THINK{% endif %}{% endif %}"
    ).replace("THINK", think)
    encoder = with_template(model_of("llama"), chat)
    assert said(encoder, encoder.full(BLIND), labelled=True) == "Two<|im_end|>"
    assert said(encoder, encoder.prompt(BLIND)).startswith("26 Jul 2024user:")


def test_template_error_is_the_users(model_of: Models) -> None:
    encoder = with_template(model_of("llama"), "{{ raise_exception('roles must alternate') }}")
    with pytest.raises(UserError, match="roles must alternate"):
        encoder.full(BLIND)


def test_tokenizer_that_joins_prompt_and_answer_is_refused(model_of: Models) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = {"<unk>": 0, "</s>": 1, ":Two": 2, ":": 3, "Two": 4, "How": 5}
    raw = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    chat = "{% for m in messages %}{{ m['content'] }}{% if m['role'] == 'user' %} :{% endif %}{% endfor %}"
    inner = PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="</s>", unk_token="<unk>", chat_template=chat)
    encoder = Encoder(Processor(inner, model_of("llama").family), model_of("llama").family)
    with pytest.raises(UserError, match="joins the end of the prompt with the answer"):
        encoder.full(BLIND, question="How", answer="Two")


def test_cache_returns_the_same_example_and_stays_within_its_bytes(model_of: Models) -> None:
    model = model_of("llava")
    encoder = Encoder(model.processor, model.family)
    first = encoder.full(WIDE)
    assert encoder.full(WIDE) is first
    assert encoder.full(WIDE, text_only=True) is not first
    assert encoder.full(replace(WIDE, answer="In Bonn")) is not first
    assert encoder.prompt(WIDE) is not first
    assert encoder.full(replace(WIDE, images=(picture(40, 40, 9),))) is not first
    blind = encoder.full(WIDE, text_only=True)
    size = sum(t.nbytes for t in (*blind.inputs.values(), blind.labels))
    small = Encoder(model.processor, model.family, cache_bytes=int(size * 2.5))
    kept = [small.full(WIDE, answer=f"in {n}", text_only=True) for n in "abcd"]
    assert small.full(WIDE, answer="in d", text_only=True) is kept[3]
    assert small.full(WIDE, answer="in a", text_only=True) is not kept[0]
    assert Encoder(model.processor, model.family, cache_bytes=0).full(WIDE).count == 1


def test_collate_pads_on_the_asked_side(text: Encoder) -> None:
    examples = [text.full(BLIND), text.full(BLIND, answer="Two of them")]
    right, left = (collate(examples, side=side, pad_id=text.processor.pad_id) for side in ("right", "left"))
    extra = len(" of them")
    pad = words.IDS["<pad>"]
    assert (
        right.inputs["input_ids"][0, -extra:].tolist() == left.inputs["input_ids"][0, :extra].tolist() == [pad] * extra
    )
    assert right.inputs["attention_mask"][0, -extra:].sum() == left.inputs["attention_mask"][0, :extra].sum() == 0
    assert right.labels[0, -extra:].eq(-100).all() and left.labels[0, :extra].eq(-100).all()
    assert right.ids == ("blind", "blind") and right.count == 2
    with pytest.raises(ValueError, match="at least one"):
        collate([], pad_id=0)


def test_decoding_strips_special_tokens(text: Encoder) -> None:
    ids = text.processor.tokens("In Ulm<|im_end|><pad>")
    assert text.processor.decode(ids) == "In Ulm"


def test_questions_about_one_picture_share_its_tensors(model_of: Models) -> None:
    model = model_of("llava")
    encoder = Encoder(model.processor, model.family)
    one, other = encoder.full(WIDE), encoder.prompt(WIDE)
    pictures = [name for name in one.inputs if name not in PER_TOKEN]
    assert pictures and all(one.inputs[name] is other.inputs[name] for name in pictures)
    jittered = encoder.full(WIDE, variant=1)
    assert not any(torch.equal(jittered.inputs[name], one.inputs[name]) for name in pictures)
    assert torch.equal(jittered.inputs["input_ids"], one.inputs["input_ids"])


@pytest.mark.parametrize("name", [*tiny.TEXT, *tiny.PICTURES])
def test_an_answer_behind_its_question_is_what_the_processor_makes_of_both(
    model_of: Models, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_of(name)
    one, other = Encoder(model.processor, model.family), Encoder(model.processor, model.family)
    records = [BLIND, replace(BLIND, answer="<|im_end|> no")]
    if model.family.multimodal:
        records += [WIDE, replace(WIDE, question="And what else is there?"), TALL, TWO]
    for record in records:
        for found_of in (Encoder.full, Encoder.prompt):
            found = found_of(one, record)
            with monkeypatch.context() as patch:
                patch.setattr(encode, "_continued", lambda *_: None)
                whole = found_of(other, record)
            assert found.inputs.keys() == whole.inputs.keys()
            assert all(torch.equal(found.inputs[key], tensor) for key, tensor in whole.inputs.items())
            assert torch.equal(found.labels, whole.labels)


def test_a_pictures_placeholder_in_an_answer_is_refused(eyes: Encoder) -> None:
    with pytest.raises(UserError, match="pictures"):
        eyes.full(Record("r", images=(picture(30, 30),), question="What is it?", answer="nobody knows <image> why"))
