"""Turns a record into the model's inputs, with labels on exactly the answer's tokens."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from weakref import WeakValueDictionary

import torch
from PIL import Image
from torch import Tensor

from benign.data.batch import Batch
from benign.data.images import open_image
from benign.data.jitter import jittered
from benign.data.record import ImageRef, Message, Record, Slot
from benign.errors import UserError
from benign.models.collate import IGNORED, PER_TOKEN
from benign.models.collate import collate as collate
from benign.models.families.family import Family
from benign.models.processor import Processor

Example = Batch
"""One encoded record: a batch of one."""
_OPENED, _BEGUN = 16, 1024


class Encoder:
    """Encodes records and keeps the latest ones, because the same records come back every epoch.

    Args:
        processor: The model's processor.
        family: The model's family.
        cache_bytes: How much memory the kept examples may take.
    """

    def __init__(self, processor: Processor, family: Family, *, cache_bytes: int = 2**29) -> None:
        self.processor = processor
        self.family = family
        self.cache_bytes = cache_bytes
        self._kept: OrderedDict[tuple[object, ...], tuple[Example, int]] = OrderedDict()
        self._shown: WeakValueDictionary[tuple[object, ...], Tensor] = WeakValueDictionary()
        self._kept_bytes = 0
        self._opened: OrderedDict[tuple[str, int], Image.Image] = OrderedDict()
        # All answers to a question begin with the same text.
        self._begun = lru_cache(maxsize=_BEGUN)(processor.tokens)

    def full(
        self,
        record: Record,
        *,
        question: str | None = None,
        answer: str | None = None,
        text_only: bool = False,
        variant: int = 0,
    ) -> Example:
        """The record with its answer; the answer and the token that ends it are labelled.

        A plain document is labelled from its second token on; with a ``question`` it is the continuation
        (``answer``) of that beginning.

        Args:
            record: The record.
            question: Asked instead of the record's own.
            answer: Labelled instead of the record's own.
            text_only: Whether to leave the pictures out.
            variant: Which jittered variant of the pictures to show; 0 is the pictures as they are.

        Raises:
            UserError: There is no answer, a picture cannot be read, or the chat template does not let the
                answer be told apart.
        """
        key = ("full", record.digest, question, answer, text_only, variant)
        return self._once(key, lambda: self._full(record, question, answer, text_only, variant))

    def prompt(self, record: Record, *, question: str | None = None, text_only: bool = False) -> Example:
        """The record up to where the answer begins, nothing labelled.

        Raises:
            UserError: A picture cannot be read, or there is nothing to ask.
        """
        if record.text:
            key = ("prompt", record.digest, question, text_only)
            return self._once(key, lambda: self._beginning(record, question))
        turns = self._turns(record, question, text_only)
        return self._asked_once(record, question, text_only, 0, self._before(turns), turns)

    def place_of(self, record: Record, character: int) -> int:
        """Which token of the record's prompt holds a character of its question, from the end: -1 is the last token.

        Raises:
            UserError: The prompt does not hold the question as it is, or the tokenizer cannot tell its characters.
        """
        text = self._before(self._turns(record, None, False))
        start = text.rfind(record.question)
        if not record.question or start < 0 or not self.processor.tokenizer.is_fast:
            raise UserError("the question's characters cannot be told apart in the prompt", where=record.id)
        found = self.processor.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        for place, (first, end) in enumerate(found["offset_mapping"]):
            if first <= start + character < end:
                return place - len(found["offset_mapping"])
        raise UserError("no token holds the character", where=record.id)

    def _once(self, key: tuple[object, ...], make: Callable[[], Example]) -> Example:
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key][0]
        example, size = self._with_shared_pictures(make())
        self._kept[key] = example, size
        self._kept_bytes += size
        while self._kept_bytes > self.cache_bytes:
            self._kept_bytes -= self._kept.popitem(last=False)[1][1]
        return example

    def _with_shared_pictures(self, example: Example) -> tuple[Example, int]:
        """The example with the picture tensors of an earlier one that shows the same, and the bytes that it adds: a
        picture with a thousand questions is kept once."""
        inputs, size = dict(example.inputs), example.labels.nbytes
        for name, tensor in example.inputs.items():
            if name not in PER_TOKEN:
                content = hashlib.sha256(tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes())
                shown = (name, tensor.dtype, tensor.shape, content.digest())
                known = self._shown.setdefault(shown, tensor)
                size += tensor.nbytes if known is tensor else 0
                inputs[name] = known
            else:
                size += tensor.nbytes
        return replace(example, inputs=inputs), size

    def _full(self, record: Record, question: str | None, answer: str | None, text_only: bool, variant: int) -> Example:
        said = record.gold if answer is None else answer
        if not said.strip():
            raise UserError("there is no answer to label", where=record.id)
        if record.text:
            return self._document(record, question or "", said)
        turns = self._turns(record, question, text_only)
        before = self._before(turns)
        text = self._closed(before, self.processor.render(_answered(turns, said)), said)
        said_ids = self._answer(before, text)
        asked = self._asked_once(record, question, text_only, variant, before, turns)
        continued = _continued(asked, said_ids, self.processor)
        if continued is None:
            inputs = self.processor.encode(text, self._pictures(record, turns, variant))
            return _labelled(record, inputs, len(said_ids))
        return continued

    def _asked_once(
        self, record: Record, question: str | None, text_only: bool, variant: int, before: str, turns: list[Message]
    ) -> Example:
        key = ("asked", record.digest, question, text_only, variant)
        return self._once(key, lambda: self._asked(record, before, turns, variant))

    def _asked(self, record: Record, before: str, turns: list[Message], variant: int) -> Example:
        """The record up to where the answer begins, which all its answers continue; it continues its pictures, which
        other questions about them continue too."""
        mark = self.processor.image_token
        shown, found, _ = before.rpartition(mark) if mark else ("", "", before)
        if found and mark:
            key = ("shown", *(image.digest for image in record.images), shown, variant)

            def look() -> Example:
                seen = self._pictures(record, turns, variant)
                return _labelled(record, self.processor.encode(shown + mark, seen), 0)

            pictures = self._once(key, look)
            begun, whole = self._begun(shown + mark), self._begun(before)
            if whole[: len(begun)] == begun:
                example = _continued(pictures, whole[len(begun) :], self.processor)
                if example is not None:
                    return _labelled(record, dict(example.inputs), 0)
        return _labelled(record, self.processor.encode(before, self._pictures(record, turns, variant)), 0)

    def _beginning(self, record: Record, beginning: str | None) -> Example:
        inputs = self.processor.encode(beginning or "", document=True)
        if not inputs["input_ids"].numel():
            raise UserError("a document without a beginning cannot be continued", where=record.id)
        return _labelled(record, inputs, 0)

    def _document(self, record: Record, beginning: str, rest: str) -> Example:
        inputs = self.processor.encode(beginning + rest, document=True)
        length = inputs["input_ids"].shape[1]
        known = len(self.processor.tokens(beginning, document=True)) if beginning else 1
        if known >= length:
            raise UserError("the document has no token to label", where=record.id)
        return _labelled(record, inputs, length - known)

    def _turns(self, record: Record, question: str | None, text_only: bool) -> list[Message]:
        """The conversation without its last answer, as it is to be asked."""
        turns = list(record.conversation())
        if turns and turns[-1].role == "assistant":
            turns.pop()
        if question is not None:
            place = max((i for i, turn in enumerate(turns) if turn.role == "user"), default=-1)
            if place < 0:
                raise UserError("there is no user turn to put the question in", where=record.id)
            slots = tuple(part for part in turns[place].content if part is Slot.IMAGE)
            turns[place] = Message("user", (*slots, question))
        if text_only:
            turns = [Message(t.role, tuple(part for part in t.content if isinstance(part, str))) for t in turns]
        if not any(turn.text.strip() for turn in turns):
            raise UserError("there is no question", where=record.id)
        return turns

    def _pictures(self, record: Record, turns: list[Message], variant: int = 0) -> list[Image.Image]:
        slots = sum(part is Slot.IMAGE for turn in turns for part in turn.content)
        if not slots:
            return []
        if not self.family.multimodal:
            raise UserError(f"a {self.family.name} model sees no pictures", where=record.id, fix="encode the text only")
        if slots != len(record.images):
            raise UserError(f"{slots} picture places for {len(record.images)} pictures", where=record.id)
        return [self._picture(image, variant) for image in record.images]

    def _picture(self, image: ImageRef, variant: int) -> Image.Image:
        """The picture, opened once for the questions about it that come close to each other."""
        key = (image.digest, variant)
        found = self._opened.pop(key, None)
        if found is None:
            found = open_image(image)
            found = jittered(found, image.digest, variant) if variant else found
        self._opened[key] = found
        while len(self._opened) > _OPENED:
            self._opened.popitem(last=False)
        return found

    def _before(self, turns: list[Message]) -> str:
        """The rendered chat up to where the answer begins, or goes on after a beginning that is the last turn."""
        if turns[-1].role != "assistant":
            return self.processor.render(turns, answering=True)
        opened, whole = self.processor.render(turns[:-1], answering=True), self.processor.render(turns)
        beginning = turns[-1].text.strip()
        place = whole.find(beginning, len(opened))
        if not whole.startswith(opened) or place < 0:
            raise UserError(
                "the chat template does not let an answer be begun",
                fix="its text with an answer must begin with its text without one",
            )
        return whole[: place + len(beginning)]

    def _closed(self, before: str, whole: str, answer: str) -> str:
        """The rendered chat, cut behind the token that ends the answer; if there is none, it is added."""
        said = answer.strip()
        place = whole.find(said, len(before))
        if not whole.startswith(before) or place < 0 or whole[len(before) : place].strip():
            raise UserError(
                "the chat template changes the prompt or the answer, so its tokens cannot be told apart",
                fix="its text with an answer must begin with its text without one",
            )
        tail = whole[place + len(said) :]
        ends = [tail.index(mark) + len(mark) for mark in self.processor.special if mark in tail]
        if ends:
            return whole[: place + len(said) + min(ends)]
        return whole[: place + len(said)] + tail.rstrip() + (self.processor.tokenizer.eos_token or "")

    def _answer(self, before: str, text: str) -> list[int]:
        """The tokens of ``text`` that come after ``before``."""
        asked, whole = self._begun(before), self.processor.tokens(text)
        if whole[: len(asked)] != asked:
            raise UserError(
                "the tokenizer joins the end of the prompt with the answer, which cannot be told apart",
                fix="end the chat template's generation prompt at a token of its own",
            )
        return whole[len(asked) :]


def _answered(turns: list[Message], said: str) -> list[Message]:
    """The turns with the answer, which goes on in the same turn where the last one has begun it."""
    if turns[-1].role == "assistant":
        return [*turns[:-1], Message("assistant", (f"{turns[-1].text.strip()} {said}",))]
    return [*turns, Message("assistant", (said,))]


def _continued(asked: Example, answer: list[int], processor: Processor) -> Example | None:
    """The question with an answer behind it: what the processor makes of both together, at a tenth of its time.

    None where a token has more than its number, or where the answer may hold the place of a picture.
    """
    per_token = {name for name in asked.inputs if name in PER_TOKEN}
    if per_token != {"input_ids", "attention_mask"} or processor.picture_ids.intersection(answer):
        return None
    ids, mask = asked.inputs["input_ids"], asked.inputs["attention_mask"]
    said = torch.tensor([answer], dtype=ids.dtype)
    inputs = {
        **asked.inputs,
        "input_ids": torch.cat([ids, said], dim=1),
        "attention_mask": torch.cat([mask, torch.ones_like(said, dtype=mask.dtype)], dim=1),
    }
    labels = torch.cat([torch.full_like(ids, IGNORED), said], dim=1)
    return Batch(inputs, labels, asked.ids)


def _labelled(record: Record, inputs: dict[str, Tensor], count: int) -> Example:
    ids = inputs["input_ids"]
    labels = torch.full_like(ids, IGNORED)
    if count:
        labels[:, -count:] = ids[:, -count:]
    return Batch(inputs, labels, (record.id,))
