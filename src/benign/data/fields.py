"""From a raw line to a record: the contract of every field, and of the fields together."""

from __future__ import annotations

import dataclasses
import difflib
from typing import cast, get_args

from benign.data.images import BadPicture, Pictures
from benign.data.line import Line, described
from benign.data.messages import messages
from benign.data.record import ImageRef, Kind, Neighbour, Record

FIELDS = tuple(one.name for one in dataclasses.fields(Record))
"""The fields of a line, as in :class:`Record`."""

_FORMS = ("question", "messages", "text")
_ELSEWHERE = {
    "prompt": "question", "instruction": "question", "query": "question", "input": "question",
    "output": "answer", "response": "answer", "completion": "answer", "label": "answer",
    "conversations": "messages", "conversation": "messages", "choices": "options", "name": "subject",
    "ground_truth": "answer", "document": "text",
}  # fmt: skip
"""What other data sets call the fields: only used to say what may have been meant."""
_NEEDED = "give the expected answer or drop the line"


def record(line: Line, pictures: Pictures, split: str) -> Record | None:
    """The line as a record, or None with the reasons added to ``line.problems``.

    Args:
        line: One raw line.
        pictures: Where its pictures are found.
        split: One of ``SPLITS``; only ``strangers`` need no question and no answer.
    """
    for number, name in enumerate(line.raw, 1):
        if name not in FIELDS:
            line.bad(*unknown(name, number))
    images = _images(line, pictures)
    answered = split != "strangers"
    kind = line.choice("kind", get_args(Kind)) or ("general" if split == "general" else "memory")
    neighbour = line.choice("neighbour", get_args(Neighbour)) or None
    found = Record(
        id=line.identifier("id"), subject=line.text("subject"), images=images,
        question=line.text("question"), answer=line.text("answer"),
        messages=messages(line, len(images), answered=answered), text=line.text("text"),
        kind=cast(Kind, kind), neighbour=cast("Neighbour | None", neighbour),
        paraphrases=line.texts("paraphrases"), perturbed=line.texts("perturbed"),
        rewordings=line.texts("rewordings"),
        options=line.texts("options"), spans=_spans(line),
    )  # fmt: skip
    _check_form(line, found, answered)
    _check_answers(line, found)
    _check_spans(line, found)
    return None if line.problems else found


def unknown(name: str, number: int) -> tuple[str, str]:
    """A field (or column) nobody knows: how to name it, and what may have been meant.

    The name is shown only where it resembles a known one: a line that is malformed may hold content there.
    """
    close = [_ELSEWHERE[name]] if name in _ELSEWHERE else difflib.get_close_matches(name, FIELDS, n=1)
    if close:
        return name, f"unknown field, did you mean {close[0]}?"
    return f"field {number}", f"unknown, the known fields are {', '.join(FIELDS)}"


def _images(line: Line, pictures: Pictures) -> tuple[ImageRef, ...]:
    value = line.raw.get("images")
    values = [] if value is None else value if isinstance(value, list) else [value]
    found = []
    for number, one in enumerate(values, 1):
        try:
            found.append(_image(one, pictures))
        except BadPicture as problem:
            line.bad("images", f"picture {number}: {problem}")
    return tuple(found)


def _image(value: object, pictures: Pictures) -> ImageRef:
    # a dict is the Image layout of `datasets`: bytes, or a path where they are null
    source = (value.get("bytes") or value.get("path")) if isinstance(value, dict) else value
    if isinstance(source, bytes):
        return pictures.embedded(source)
    if isinstance(source, str):
        return pictures.at(source)
    raise BadPicture(f"must be a path or embedded bytes, not {described(value)}")


def _check_form(line: Line, found: Record, answered: bool) -> None:
    filled = [name for name in _FORMS if line.has(name) and line.raw[name] not in ("", [])]
    if line.faulty.intersection((*_FORMS, "answer")):
        return
    if len(filled) > 1:
        line.bad(filled[1], f"given beside {filled[0]}: a record has one of {', '.join(_FORMS)}")
    elif not filled or not (found.question.strip() or found.messages or found.text.strip()):
        _check_nothing_asked(line, found, answered)
    elif filled == ["question"]:
        if answered and not found.answer.strip():
            line.bad("answer", f"{'empty' if line.has('answer') else 'missing'}, {_NEEDED}")
    elif found.answer:
        line.bad("answer", f"given beside {filled[0]}: it belongs in there")
    if found.text and line.raw.get("images"):
        line.bad("images", "a plain document has no place for pictures, use messages")


def _check_nothing_asked(line: Line, found: Record, answered: bool) -> None:
    if answered or found.answer:
        state = "empty" if line.has("question") else "missing"
        line.bad("question", f"{state}, give a question, messages or a text")
    elif not found.subject.strip() and not line.raw.get("images"):
        line.bad("images", "missing, a stranger needs a picture or a name")


def _check_answers(line: Line, found: Record) -> None:
    gold = found.gold
    if line.faulty.intersection((*_FORMS, "answer")) or not gold:
        return
    for number, wrong in enumerate(found.perturbed, 1):
        if wrong.strip().casefold() == gold.strip().casefold():
            line.bad("perturbed", f"entry {number}: is the right answer")
    for number, wrong in enumerate(found.perturbed, 1):
        if wrong in found.rewordings:
            line.bad("rewordings", f"has the wrong answer that is entry {number} of perturbed")
    if found.options and "options" not in line.faulty and gold not in found.options:
        line.bad("options", "the right answer is not among them")
    if len(set(found.options)) < len(found.options):
        line.bad("options", "one is given twice")


def _spans(line: Line) -> tuple[tuple[str, int, int], ...]:
    found = []
    for number, entry in enumerate(line.entries("spans"), 1):
        parts = [entry.get(key) for key in ("field", "start", "end")] if isinstance(entry, dict) else entry
        match parts:
            case [str() as name, int() as start, int() as end] if bool not in (type(start), type(end)):
                found.append((name, start, end))
            case _:
                line.bad("spans", f"entry {number}: must be [field, start, end]")
    return tuple(found)


def _check_spans(line: Line, found: Record) -> None:
    texts = {"question": found.question, "answer": found.answer}
    if line.faulty.intersection(("spans", *texts)):
        return
    for number, (name, start, end) in enumerate(found.spans, 1):
        if name not in texts:
            line.bad("spans", f"entry {number}: the field must be question or answer")
        elif not 0 <= start < end <= len(texts[name]):
            line.bad("spans", f"entry {number}: outside of the {name}'s {len(texts[name])} characters")
