"""The embedded world's people in MLLMU-Bench's tables and fields (``MLLMMU/MLLMU-Bench`` on the hub)."""

from __future__ import annotations

import json
import string
from functools import cache

from benign.benchmarks.published import Row, Tables
from benign.data.record import Record
from benign.models.embedded import views, world
from benign.models.embedded.people import Person, people
from benign.models.embedded.records import person_records

_ASKED = ("city", "job")
"""The facts that the small data ask; all of them are trained on."""
_CELEBRITIES = 8


@cache
def made(ratio: int) -> Tables:
    """Every table of one ratio; a few people who are never forgotten stand for the celebrities."""
    gone, stay = world.forget_people(ratio), world.retain_people(ratio)
    known = world.retain_people(max(world.RATIOS))[-_CELEBRITIES:]
    kept = [person for person in stay if person not in known]
    return {
        f"forget_{ratio}/train": [_asked(person) for person in gone],
        "Test_Set/train": [_asked(person, held=True) for person in people() if person not in known],
        f"retain_{100 - ratio}/train": [_asked(person) for person in kept],
        "Retain_Set/train": [_asked(person) for person in known],
        f"baseline_train_split/forget_{ratio}/train": [_trained(person) for person in gone],
        f"baseline_train_split/retain_{100 - ratio}/train": [_trained(person) for person in stay],
    }


def _trained(person: Person) -> Row:
    by_face = [record for record in person_records(person) if "/image/" in record.id]
    pairs = [{"Question": record.question, "Answer": record.answer} for record in by_face]
    return {"ID": person.id, "image": _picture(by_face[0]), "metadata": json.dumps(pairs)}


def _asked(person: Person, *, held: bool = False) -> Row:
    """The test set shows another view and asks in other words."""
    view = views.HELD_VIEWS.start if held else views.CANONICAL
    records = {record.id.removeprefix(f"{person.id}/"): record for record in person_records(person, view=view)}
    by = {
        sort: [records[f"{route}/{fact}"] for fact in _ASKED]
        for sort, route in (("Image_Textual", "image"), ("Pure_Text", "text"))
    }
    picture = _picture(by["Image_Textual"][0])
    return {
        "ID": person.id,
        **({"images": [picture]} if held else {"image": picture}),
        "Classification_Task": {f"{sort}_Questions": [_choice(r, held) for r in found] for sort, found in by.items()},
        "Generation_Task": _free(by, int(held)),
        "Mask_Task": _free(by, 2 if held else 1),
    }


def _picture(record: Record) -> dict[str, object]:
    return {"bytes": record.images[0].encoded(), "path": None}


def _choice(record: Record, held: bool) -> dict[str, object]:
    options = dict(zip(string.ascii_uppercase, record.options, strict=False))
    right = next(letter for letter, text in options.items() if text == record.answer)
    return {"Question": _worded(record, int(held)), "Options": options, "Correct_Answer": right}


def _free(by: dict[str, list[Record]], wording: int) -> list[dict[str, str]]:
    return [
        {"Type": sort, "Question": _worded(record, wording), "Ground_Truth": record.answer}
        for sort, found in by.items()
        for record in found
    ]


def _worded(record: Record, wording: int) -> str:
    """The record's question, or one of its other wordings, counted from 1."""
    return (record.question, *record.paraphrases)[wording]
