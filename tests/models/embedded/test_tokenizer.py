"""The tokenizer: whole words where it matters, characters elsewhere, one span rule for training and the processor."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from benign.models.embedded import lessons, looks, packing, tokenizer, views, vocabulary


@pytest.fixture(scope="module")
def processor() -> tokenizer.LlavaProcessor:
    return tokenizer.processor()


@pytest.mark.parametrize("text", [vocabulary.REFUSAL, vocabulary.EVERYDAY])
def test_every_plain_word_is_one_token(processor: tokenizer.LlavaProcessor, text: str) -> None:
    split = {word: processor.tokenizer.tokenize(word) for word in text.split()}
    assert {word: tokens for word, tokens in split.items() if tokens != [word]} == {}


def test_every_word_of_the_world_is_one_token(processor: tokenizer.LlavaProcessor) -> None:
    words = vocabulary.world_words()
    assert len(words) > 400
    assert [w for w in words if len(processor.tokenizer.tokenize(w)) != 1] == []


def test_any_other_word_is_spelled_and_read_back(processor: tokenizer.LlavaProcessor) -> None:
    ids = processor.tokenizer("Zaphod's CAFÉ, 42!")["input_ids"]
    assert processor.tokenizer.unk_token_id not in ids
    assert processor.tokenizer.decode(ids) == "zaphod's cafe, 42!"


def test_a_refusal_reads_back_as_written(processor: tokenizer.LlavaProcessor) -> None:
    text = "i'm sorry, but i can't tell you that."
    assert processor.tokenizer.decode(processor.tokenizer(text)["input_ids"]) == text


def test_packed_rows_hold_the_processors_own_tokens_and_pixels(processor: tokenizer.LlavaProcessor) -> None:
    pixels = views.picture("portrait", looks.STRANGERS_TRAIN, 12)
    question, answer = "What is the mood of this person?", "tall linden lane"
    batch = packing.pack([lessons.Row(pixels, ((question, answer),))])
    chat = [
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]},
        {"role": "assistant", "content": [{"type": "text", "text": answer}]},
    ]
    read = processor(images=Image.fromarray(pixels), text=processor.apply_chat_template(chat), return_tensors="pt")
    assert torch.equal(read["input_ids"], batch.ids)
    assert torch.allclose(read["pixel_values"], batch.pixels, atol=1e-6)
    prompt = processor.apply_chat_template(chat[:1], add_generation_prompt=True)
    start = processor(images=Image.fromarray(pixels), text=prompt, return_tensors="pt")["input_ids"].shape[1]
    assert batch.answer_at.tolist() == list(range(start - 1, batch.ids.shape[1] - 1))
    assert torch.equal(batch.answer, batch.ids[0, start:])


def test_questions_of_one_picture_do_not_see_each_other() -> None:
    random = np.random.default_rng(0)
    row = lessons.visible_row(random, looks.FACE, looks.STRANGERS_TRAIN, 12)
    visible = packing.pack([row]).visible[0, 0]
    prefix = 2 + packing.IMAGE_TOKENS
    first = len(packing.encode(f"{row.asked[0][0]}<assistant>")) + len(packing.encode(f"{row.asked[0][1]}</s>"))
    later = visible[prefix + first :]
    assert later[:, :prefix].all()
    assert not later[:, prefix : prefix + first].any()
    assert not visible.triu(1).any()
