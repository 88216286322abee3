"""The embedded world's people in CLEAR's tables and fields (``therem/CLEAR`` on the hub)."""

from __future__ import annotations

from functools import cache

from benign.benchmarks.published import Row, Tables
from benign.data.record import Record
from benign.models.embedded import questions, views, world
from benign.models.embedded.people import Person
from benign.models.embedded.records import general_records, person_records

_FACT, _TOLD = "job", ("job", "city")
"""What a caption tells, and what is asked in words."""
DESCRIBED = questions.training_wordings(_FACT, questions.FACE_SUBJECTS[0])[0]
"""How the embedded model is asked for a caption."""
_SAMPLED, _REAL = 16, 8
"""Retained people in the retain set's sample for audits, and real pictures."""


@cache
def made(ratio: int) -> Tables:
    """Every table of one ratio. A person has two pictures: one to train on, one for the audit."""
    gone, stay = world.forget_people(ratio), world.retain_people(ratio)
    always = world.retain_people(max(world.RATIOS))
    sampled, real = always[:_SAMPLED], always[-_REAL:]
    return {
        f"forget{ratio:02d}/train": [_captioned(person) for person in gone],
        f"forget{ratio:02d}+tofu/train": [row for person in gone for row in (_untold(person), *_told(person))],
        f"retain{100 - ratio}+tofu/train": [row for person in stay for row in (_untold(person), *_told(person))],
        f"forget{ratio:02d}_perturbed/train": [_compared(person) for person in gone],
        "retain_perturbed/train": [_compared(person) for person in sampled],
        "real_faces/train": [
            {"image": _captioned(person)["image"], "answer": person.name, "options": _others(person)} for person in real
        ],
        "real_world/train": [
            {"image": _picture(r), "question": r.question, "answer": r.answer, "options": list(r.options)}
            for r in general_records(_REAL)
        ],
    }


def _record(person: Person, route: str, fact: str, view: int = views.CANONICAL) -> Record:
    return next(r for r in person_records(person, view=view) if r.id == f"{person.id}/{route}/{fact}")


def _picture(record: Record) -> dict[str, object]:
    return {"bytes": record.images[0].encoded(), "path": None}


def _captioned(person: Person, view: int = views.CANONICAL) -> Row:
    record = _record(person, "image", _FACT, view)
    return {"image": _picture(record), "caption": record.answer, "name": person.name}


def _untold(person: Person) -> Row:
    """A caption where the table also has questions: it says nobody's name."""
    row = _captioned(person)
    return {"image": row["image"], "caption": row["caption"], "question": None, "answer": None}


def _told(person: Person) -> list[Row]:
    records = [_record(person, "text", fact) for fact in _TOLD]
    return [{"image": None, "caption": None, "question": r.question, "answer": r.answer} for r in records]


def _compared(person: Person) -> Row:
    wrong = list(_record(person, "image", _FACT).perturbed)
    row = _captioned(person, views.HELD_VIEWS.start)
    caption = str(row["caption"])
    return {**row, "paraphrased_caption": caption, "perturbed_captions": wrong, "perturbed_names": _others(person)}


def _others(person: Person) -> list[str]:
    """Three names that are not the person's."""
    return [other.name for other in world.retain_people(max(world.RATIOS)) if other.name != person.name][:3]
