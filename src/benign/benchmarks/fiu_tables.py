"""The embedded world's people in FIUBench's files and fields (``gray311/FIUBench`` on the hub)."""

from __future__ import annotations

from functools import cache

from benign.benchmarks.fiu_rows import FOLDER
from benign.benchmarks.published import Row, Stored, Tables
from benign.models.embedded import people, world
from benign.models.embedded.looks import FACE
from benign.models.embedded.people import FACE_FACTS
from benign.models.embedded.records import person_records, picture_ref

_ASKED, _MORE = 8, 16
"""Retained people whom an audit asks, and in the larger set."""


@cache
def made() -> Tables:
    """All people, and the sets; unlike the published ones, the smaller forget set lies in the larger."""
    always = [_unique(one.index) for one in world.retain_people(max(world.RATIOS))]
    sets = {f"forget{ratio}": [_unique(one.index) for one in world.forget_people(ratio)] for ratio in (5, 10)}
    split = {"forget1": [], **sets, "retain15": always[:_MORE], "retain5": always[:_ASKED]}
    return {"full": [_row(one.index) for one in people.people()], "split": [split]}


@cache
def pictures() -> Stored:
    """The people's portraits."""
    return {_path(one.index): picture_ref(FACE, one.index).encoded() for one in people.people()}


def _unique(index: int) -> str:
    return f"{index:08d}"


def _path(index: int) -> str:
    return f"SFHQ/SFHQ_pt1_{_unique(index)}.png"


def _row(index: int) -> Row:
    person = people.person(index)
    records = {record.id: record for record in person_records(person)}
    asked = [records[f"{person.id}/image/{fact}"] for fact in FACE_FACTS]
    return {
        "image_path": f"./{FOLDER}/{_path(index)}",
        "name": person.name,
        "gender": "",
        "caption": "",
        "qa_list": [
            {
                "question": record.question,
                "paraphrased_question": list(record.paraphrases),
                "answer": record.answer,
                "paraphrased_answer": record.answer,
                "perturbed_answer": list(record.perturbed),
                "keywords": record.answer.split(),
            }
            for record in asked
        ],
        "raw_data": dict(person.facts),
        "unique_id": _unique(index),
    }
