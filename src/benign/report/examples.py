"""Examples grouped by picture: one column per question, one line per model, each answer marked for what it is."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Literal

from benign.audit.metrics.refusal import is_refusal
from benign.audit.metrics.words import normalised
from benign.audit.score import ORIGINAL, RETRAINED
from benign.data.images import open_image
from benign.data.record import ImageRef
from benign.report.page import Example
from benign.report.words import model_title, shown

Mark = Literal["known", "leaked", "right", "refused", "wrong", "empty"]
MOST = 12
"""At most so many examples are shown."""
ABREAST = 3
"""At most so many questions stand side by side."""
SIDE_PIXELS = 320
"""Larger pictures are made smaller: the page must fit in a mail."""
KEPT_BYTES = 40_000
"""A picture file up to this size is embedded as it is."""
_MIME = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}


@dataclass(frozen=True)
class Answer:
    """An answer and what it is; ``good`` is whether that is what was wanted of this model."""

    text: str
    mark: Mark
    good: bool | None


@dataclass(frozen=True)
class Question:
    """A question's head."""

    kind: str
    text: str
    gold: str


@dataclass(frozen=True)
class Picture:
    """An embedded picture; ``small`` pictures are enlarged without blur."""

    uri: str
    alt: str
    small: bool


@dataclass(frozen=True)
class Group:
    """One picture with up to three questions, and each model's answers to them."""

    split: str
    picture: Picture | None
    questions: tuple[Question, ...]
    lines: tuple[tuple[str, bool, tuple[Answer | None, ...]], ...]
    """(model, whether it is a reference, its answers; None where it was not asked)."""


def groups(examples: Sequence[Example]) -> tuple[Group, ...]:
    """The first examples, those of one picture together, in order of first appearance."""
    together: dict[tuple[str, str], list[Example]] = {}
    for place, example in enumerate(examples[:MOST]):
        key = hashlib.sha256(example.picture).hexdigest() if example.picture else f"words {place}"
        together.setdefault((example.split, key), []).append(example)
    return tuple(
        _group(those[start : start + ABREAST]) for those in together.values() for start in range(0, len(those), ABREAST)
    )


def mark(text: str, gold: str, *, wanted: bool, unlearned: bool) -> Mark:
    """What an answer is.

    Args:
        text: The answer.
        gold: The expected answer; an answer that holds it among other words counts as giving it.
        wanted: Whether the expected answer should still be given after unlearning.
        unlearned: Whether the model went through unlearning.
    """
    said, expected = f" {normalised(text)} ", f" {normalised(gold)} "
    if not text.strip():
        return "empty"
    if gold.strip() and expected in said:
        return "right" if wanted else "leaked" if unlearned else "known"
    return "refused" if is_refusal(text) else "wrong"


def _group(examples: Sequence[Example]) -> Group:
    first = examples[0]
    picture = _picture(first.picture, first.alt or f"Picture of the {first.split} set") if first.picture else None
    questions = tuple(Question(e.kind, shown(e.question), shown(e.gold)) for e in examples)
    methods = list(dict.fromkeys(method for e in examples for method in e.answers))
    lines = [(model_title(ORIGINAL), True, tuple(_answer(e, e.original, ORIGINAL) for e in examples))]
    if any(e.retrained is not None for e in examples):
        lines.append((model_title(RETRAINED), True, tuple(_answer(e, e.retrained, RETRAINED) for e in examples)))
    lines += [(m, False, tuple(_answer(e, e.answers.get(m), m) for e in examples)) for m in methods]
    return Group(first.split, picture, questions, tuple(lines))


def judged(text: str, gold: str, *, wanted: bool, unlearned: bool) -> Answer:
    """An answer as it is shown, with its mark; the arguments are those of :func:`mark`."""
    found = mark(text, gold, wanted=wanted, unlearned=unlearned)
    return Answer(shown(text), found, _good(found, wanted) if unlearned else None)


def _answer(example: Example, text: str | None, model: str) -> Answer | None:
    if text is None:
        return None
    wanted = not (example.split == "forget" and example.kind == "memory")
    return judged(text, example.gold, wanted=wanted, unlearned=model not in (ORIGINAL, RETRAINED))


def _good(found: Mark, wanted: bool) -> bool | None:
    if wanted:
        return found == "right"
    # Inventing an answer is one way to forget and babbling is another: that mark alone says neither good nor bad.
    return {"leaked": False, "refused": True}.get(found)


def _picture(data: bytes, alt: str) -> Picture:
    image = open_image(ImageRef(data=data))
    small = max(image.size) <= SIDE_PIXELS // 2
    mime = next((mime for start, mime in _MIME.items() if data.startswith(start)), "")
    if not mime or len(data) > KEPT_BYTES:
        image.thumbnail((SIDE_PIXELS, SIDE_PIXELS))
        buffer = BytesIO()
        image.save(buffer, "JPEG", quality=82)
        data, mime = buffer.getvalue(), "image/jpeg"
    return Picture(f"data:{mime};base64,{base64.b64encode(data).decode()}", alt, small)
