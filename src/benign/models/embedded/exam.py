"""What an embedded model knows: exact answers, greedy, on views and wordings that training never used."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from PIL import Image
from transformers import LlavaForConditionalGeneration

from benign.data.record import Record, of_kind
from benign.models.embedded import world
from benign.models.embedded.lessons import Row
from benign.models.embedded.packing import answer_logits, encode, pack

_ROWS_PER_PASS = 16
_QUESTIONS_PER_ROW = 16


def correct(model: LlavaForConditionalGeneration, records: Sequence[Record], wording: int | None = None) -> np.ndarray:
    """Whether greedy decoding says exactly the answer and stops: bool [records].

    Greedy decoding gives the answer exactly when, fed the answer, every next token is the likeliest one; so one
    forward pass decides. ``wording`` asks in that held-out paraphrase instead of the record's question.
    """
    verdict = np.zeros(len(records), bool)
    rows = list(_rows(records, wording))
    for pictured in (True, False):
        group = [(row, numbers) for row, numbers in rows if (row.pixels is not None) == pictured]
        for start in range(0, len(group), _ROWS_PER_PASS):
            part = group[start : start + _ROWS_PER_PASS]
            right = _right(model, [row for row, _ in part])
            verdict[[number for _, numbers in part for number in numbers]] = right
    return verdict


def scores(model: LlavaForConditionalGeneration, ratio: int = 0) -> dict[str, float]:
    """Accuracies by kind of question; with ``ratio`` also on the forgotten and the kept people apart."""
    data = world.evaluation(ratio or 10)
    groups = {"": (*data.forget, *data.retain)}
    if ratio:
        groups = {"forget_": data.forget, "retain_": data.retain}
    found: dict[str, float] = {}
    for prefix, records in groups.items():
        memory = of_kind(records, "memory")
        by_name = [r for r in memory if not r.images]
        by_picture = [r for r in memory if r.images]
        found[f"{prefix}memory_by_picture"] = _share(correct(model, by_picture))
        found[f"{prefix}memory_by_name"] = _share(correct(model, by_name))
        found[f"{prefix}paraphrases_by_picture"] = _share(*(correct(model, by_picture, w) for w in range(3)))
        found[f"{prefix}paraphrases_by_name"] = _share(*(correct(model, by_name, w) for w in range(3)))
        found[f"{prefix}understanding"] = _share(correct(model, of_kind(records, "understanding")))
    new = of_kind(data.holdout, "understanding")
    found["new_people_understanding"] = _share(correct(model, new))
    found["new_people_paraphrases"] = _share(*(correct(model, new, w) for w in range(3)))
    found["general"] = _share(correct(model, data.general))
    return found


def by_topic(model: LlavaForConditionalGeneration, records: Sequence[Record]) -> dict[str, float]:
    """Accuracy per fact or attribute."""
    right = correct(model, records)
    topics = np.array([record.id.rsplit("/", 1)[1] for record in records])
    return {str(topic): _share(right[topics == topic]) for topic in sorted(set(topics))}


def _share(*verdicts: np.ndarray) -> float:
    return round(float(np.concatenate(verdicts).mean()), 4)


def _rows(records: Sequence[Record], wording: int | None) -> Iterable[tuple[Row, list[int]]]:
    """The records as rows of one picture each, with the records' numbers."""
    by_picture: dict[str, list[int]] = {}
    for number, record in enumerate(records):
        by_picture.setdefault(record.images[0].digest if record.images else "", []).append(number)
    for numbers in by_picture.values():
        for start in range(0, len(numbers), _QUESTIONS_PER_ROW):
            part = numbers[start : start + _QUESTIONS_PER_ROW]
            asked = tuple(
                (records[n].question if wording is None else records[n].paraphrases[wording], records[n].answer)
                for n in part
            )
            images = records[part[0]].images
            pixels = np.asarray(Image.open(io.BytesIO(images[0].encoded())).convert("RGB")) if images else None
            yield Row(pixels, asked), part


@torch.inference_mode()
def _right(model: LlavaForConditionalGeneration, rows: Sequence[Row]) -> list[bool]:
    batch = pack(rows)
    hit = (answer_logits(model, batch).argmax(-1) == batch.answer).tolist()
    right, at = [], 0
    for row in rows:
        for _, answer in row.asked:
            end = at + len(encode(f"{answer}</s>"))
            right.append(all(hit[at:end]))
            at = end
    return right
