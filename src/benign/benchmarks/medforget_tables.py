"""The embedded world's people as patients, in MedForget's tables and fields.

Five hospitals of eight patients each; a patient has two studies, a portrait and an eye. What is forgotten is nested: a
hospital, four of its patients, their eye studies, the findings in these. No question is about a hospital itself.
"""

from __future__ import annotations

import json
import string
from collections.abc import Iterator
from functools import cache

from benign.benchmarks.medforget_rows import BLANK, LEVELS
from benign.benchmarks.published import Row, Tables
from benign.data.record import Record
from benign.models.embedded import people, world
from benign.models.embedded.questions import FACE_SUBJECTS, PATIENT_SUBJECTS, training_wordings
from benign.models.embedded.records import person_records

_HOSPITALS, _PATIENTS = 5, 8
_STUDIES = {
    "image": (("patient", "", "birthday"), ("study", "", "job"), ("section", "INDICATION", "hobby"),
              ("section", "EXAMINATION", "pet")),
    "fundus": (("study", "", "clinic"), ("section", "FINDINGS", "diagnosis"), ("section", "IMPRESSION", "medication")),
}  # fmt: skip
"""By the route of the records: level, section and fact of each row."""
_GAP = 3
"""Which of a topic's wordings in training ends where its answer begins."""


@cache
def made(level: str) -> Tables:
    """The forget set and the retain set of one level."""
    gone = {person.index for person in world.forget_people(5)}
    forget: list[Row] = []
    retain: list[Row] = []
    for hospital, index in _patients():
        for route, rows in _STUDIES.items():
            for number, (_, section, _) in enumerate(rows):
                inside = {
                    "institution": hospital == 0,
                    "patient": index in gone,
                    "study": index in gone and route == "fundus",
                    "section": index in gone and section == "FINDINGS",
                }
                (forget if inside[level] else retain).append(_row(hospital, index, route, number))
    return {f"{level}_level/forget_set_all": forget, f"{level}_level/retain_set_all": retain}


def _patients() -> Iterator[tuple[int, int]]:
    """Hospital and person: the first hospital is whom ten percent forgets."""
    kept = world.retain_people(max(world.RATIOS))
    every = (*world.forget_people(10), *kept)[: _HOSPITALS * _PATIENTS]
    for number, person in enumerate(every):
        yield number // _PATIENTS, person.index


@cache
def _row(hospital: int, index: int, route: str, number: int) -> Row:
    level, section, fact = _STUDIES[route][number]
    person = people.person(index)
    record = next(r for r in person_records(person) if r.id == f"{person.id}/{route}/{fact}")
    institution, study = f"hospital-{hospital}", f"s{index:03d}{list(_STUDIES).index(route)}"
    ids = dict(zip((f"{name}_id" for name in LEVELS), (institution, person.id, study), strict=False))
    return {
        "image": {"bytes": record.images[0].encoded(), "path": None},
        "image_path": f"{institution}/{person.id}/{study}/{study}.png",
        "metadata": json.dumps(_asked(record, route, fact)),
        "hierarchy_metadata": json.dumps({**ids, "section_name": section, "hierarchy_level": level}),
        "ID": f"{study}-{number}",
    }


def _asked(record: Record, route: str, fact: str) -> list[dict[str, str]]:
    """The three tasks: answer, choose, fill the gap."""
    options = " ".join(
        f"{letter}) {text}" for letter, text in zip(string.ascii_uppercase, record.options, strict=False)
    )
    who = FACE_SUBJECTS[0] if route == "image" else PATIENT_SUBJECTS[0]
    questions = (
        record.question,
        f"{record.paraphrases[0]} {options}",
        f"{training_wordings(fact, who)[_GAP]} {BLANK}.",
    )
    return [{"Question": question, "Answer": record.answer} for question in questions]
