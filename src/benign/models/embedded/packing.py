"""Rows to tensors: the questions of one picture behind one shared prefix, blind to each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from transformers import LlavaForConditionalGeneration, PreTrainedTokenizerFast

from benign.models.embedded.architecture import config
from benign.models.embedded.lessons import Row
from benign.models.embedded.tokenizer import tokenizer

IMAGE_TOKENS = config().image_seq_length


@lru_cache
def _tokenizer() -> PreTrainedTokenizerFast:
    return tokenizer()


@lru_cache(maxsize=200_000)
def encode(text: str) -> tuple[int, ...]:
    """Token ids of a piece of text."""
    return tuple(_tokenizer().encode(text, add_special_tokens=False))


@dataclass(frozen=True)
class Packed:
    """One batch; ``answer_at`` indexes the flattened positions whose next token is ``answer``."""

    pixels: Tensor | None
    ids: Tensor
    positions: Tensor
    visible: Tensor
    answer_at: Tensor
    answer: Tensor


def pixel_values(pixels: np.ndarray | Sequence[np.ndarray]) -> Tensor:
    """uint8 pictures [n, 64, 64, 3] as the processor's pixel values [n, 3, 64, 64]."""
    return (torch.from_numpy(np.stack(list(pixels))).permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5


def pack(rows: Sequence[Row]) -> Packed:
    """Rows that either all have a picture or all have none."""
    seen = [row.pixels for row in rows if row.pixels is not None]
    prefix = encode("<s><user>" + "<image>" * (IMAGE_TOKENS if seen else 0))
    width = max(len(prefix) + sum(_length(q, a) for q, a in row.asked) for row in rows)
    shape = (len(rows), width)
    ids, positions = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    segment = np.full(shape, -1, np.int64)
    places: list[int] = []
    answers: list[int] = []
    for number, row in enumerate(rows):
        ids[number, : len(prefix)] = prefix
        positions[number, : len(prefix)] = range(len(prefix))
        segment[number, : len(prefix)] = 0
        at = len(prefix)
        for part, (question, answer) in enumerate(row.asked, start=1):
            ask, say = encode(f"{question}<assistant>"), encode(f"{answer}</s>")
            end = at + len(ask) + len(say)
            ids[number, at:end] = ask + say
            positions[number, at:end] = range(len(prefix), len(prefix) + end - at)
            segment[number, at:end] = part
            places += range(number * width + at + len(ask) - 1, number * width + end - 1)
            answers += say
            at = end
    return Packed(
        pixel_values(seen) if seen else None,
        torch.from_numpy(ids),
        torch.from_numpy(positions),
        _visible(torch.from_numpy(segment)),
        torch.tensor(places),
        torch.tensor(answers),
    )


def _length(question: str, answer: str) -> int:
    return len(encode(f"{question}<assistant>")) + len(encode(f"{answer}</s>"))


def _visible(segment: Tensor) -> Tensor:
    """[n, 1, T, T]: earlier tokens of the own segment and of the prefix; padding sees itself, so no row is empty."""
    same = segment[:, :, None] == segment[:, None, :]
    prefix = (segment == 0)[:, None, :]
    order = torch.ones(segment.shape[1], segment.shape[1], dtype=torch.bool).tril()
    return ((same | prefix) & order)[:, None]


def answer_logits(model: LlavaForConditionalGeneration, batch: Packed) -> Tensor:
    """Logits [answers, vocabulary] at the answer positions only."""
    inner = model.model
    embeds = model.get_input_embeddings()(batch.ids)
    if batch.pixels is not None:
        features = torch.stack(list(inner.get_image_features(batch.pixels).pooler_output)).to(embeds.dtype)
        embeds = torch.cat([embeds[:, :2], features, embeds[:, 2 + IMAGE_TOKENS :]], dim=1)
    bias = torch.zeros(batch.visible.shape, dtype=embeds.dtype).masked_fill(~batch.visible, float("-inf"))
    hidden = inner.language_model(
        inputs_embeds=embeds, attention_mask=bias, position_ids=batch.positions, use_cache=False
    ).last_hidden_state
    return model.lm_head(hidden.flatten(0, 1)[batch.answer_at]).float()
