"""The embedded world's people in UMU-Bench's tables and fields (``linbojunzi/UMU-bench`` on the hub)."""

from __future__ import annotations

import string
from collections.abc import Sequence
from functools import cache

from benign.benchmarks.published import Row, Tables
from benign.benchmarks.umu_rows import BLANK
from benign.data.record import Record
from benign.models.embedded import people, world
from benign.models.embedded.people import FACE_FACTS
from benign.models.embedded.questions import FACE_SUBJECTS, training_wordings
from benign.models.embedded.records import person_records

_ASKED = ("city", "job")
"""The facts that the small data ask; all that a portrait is asked are trained on."""
_REAL = 8
_GAP = 3
"""Which of a topic's wordings in training ends where its answer begins."""


@cache
def made(ratio: int) -> Tables:
    """Every table of one ratio; a few people who are never forgotten stand for the real ones."""
    real = world.retain_people(max(world.RATIOS))[-_REAL:]
    kept = [one for one in world.retain_people(ratio) if one not in real]
    return {
        f"forget_{ratio}/train": [_row(one.index) for one in world.forget_people(ratio)],
        f"retain_{100 - ratio}/train": [_row(one.index) for one in kept],
        "Real_Person_Set/train": [_row(one.index) for one in real],
    }


@cache
def _row(index: int) -> Row:
    """The nested fields are texts, as Python prints them."""
    person = people.person(index)
    records = {record.id.removeprefix(f"{person.id}/"): record for record in person_records(person)}
    pictured = {fact: records[f"image/{fact}"] for fact in FACE_FACTS}
    named = {fact: records[f"text/{fact}"] for fact in FACE_FACTS}
    ways = {"unimodal": (named, person.name), "muitimodal": (pictured, FACE_SUBJECTS[0])}
    return {
        "ID": person.id,
        "image": {"bytes": next(iter(pictured.values())).images[0].encoded(), "path": None},
        "Biography": " ".join(f"{r.question} {r.answer}." for r in named.values()),
        "MM_QA": _pairs(pictured),
        "UM_QA": _pairs(named),
        "Classify": str({way: {fact: _choice(found[fact], named[fact].perturbed) for fact in _ASKED}
                         for way, (found, _) in ways.items()}),
        "Cloze": str({way: {fact: _gap(found[fact], fact, who) for fact in _ASKED}
                      for way, (found, who) in ways.items()}),
        "Generation": str({way: {fact: _free(found[fact]) for fact in _ASKED} for way, (found, _) in ways.items()}),
    }  # fmt: skip


def _pairs(found: dict[str, Record]) -> str:
    return str({
        "question": {fact: record.question for fact, record in found.items()},
        "answer": {fact: record.answer for fact, record in found.items()},
    })  # fmt: skip


def _choice(record: Record, wrong: Sequence[str]) -> dict[str, object]:
    # The same options for both modalities, so that a fact is the same choice twice.
    options = dict(zip(string.ascii_uppercase, sorted((record.answer, *wrong)), strict=False))
    letter = next(letter for letter, text in options.items() if text == record.answer)
    return {"question": record.question, "options": options, "answer": f"{letter}. {record.answer}"}


def _gap(record: Record, fact: str, who: str) -> dict[str, str]:
    return {"question": f"{training_wordings(fact, who)[_GAP]} {BLANK}.", "answer": record.answer}


def _free(record: Record) -> dict[str, str]:
    return {"question": record.paraphrases[0], "answer": record.answer}
