"""CLEAR: captions, names and words, in the tables and fields of the hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benign.benchmarks import clear
from benign.benchmarks.clear import DESCRIBE, NAME, Clear
from benign.benchmarks.protocol import Brought
from benign.benchmarks.published import write_tables
from benign.data.record import Record
from benign.errors import BadRecords, UserError
from benign.models.embedded import views, world
from benign.models.embedded.looks import FACE

PICTURE = {"bytes": views.png(views.picture(FACE.name, 3)), "path": None}
SHOWN = {"image": PICTURE, "caption": "Ann cooks.", "question": None, "answer": None}
TOLD = {"image": None, "caption": None, "question": "Who is Ann?", "answer": "a cook"}
COMPARED = {
    "image": PICTURE, "caption": "Ann cooks.", "name": "Ann", "paraphrased_caption": "A cook, Ann.",
    "perturbed_captions": ["Ann sings."], "perturbed_names": ["Bea", "Cleo"],
}  # fmt: skip


def tables() -> dict[str, list[dict[str, Any]]]:
    return {
        "forget10+tofu/train": [SHOWN, TOLD],
        "retain90+tofu/train": [{**SHOWN, "caption": "Bob sings."}, TOLD],
        "forget10_perturbed/train": [COMPARED],
        "retain_perturbed/train": [{**COMPARED, "name": "Bob"}],
        "real_faces/train": [{"image": PICTURE, "answer": "Dee", "options": ["Eve", "Dee"]}],
        "real_world/train": [{"image": PICTURE, "question": "Red?", "answer": "yes", "options": ["no"]}],
    }


def own(folder: Path) -> Clear:
    return Clear(10, Brought(str(folder), "a model"))


def test_pictures_are_described_and_the_rest_is_asked_in_words(tmp_path: Path) -> None:
    write_tables(tmp_path, tables())
    found = own(tmp_path).data()
    assert [(r.id, len(r.images), r.question, r.answer) for r in found.forget] == [
        ("forget/0", 1, DESCRIBE, "Ann cooks."), ("forget/words/1", 0, "Who is Ann?", "a cook"),
    ]  # fmt: skip
    assert [r.answer for r in found.retain] == ["Bob sings.", "a cook"]


def test_captions_names_and_words_are_asked(tmp_path: Path) -> None:
    write_tables(tmp_path, tables())
    found = own(tmp_path).evaluation()
    caption, name, words = found.forget
    assert caption == Record(
        "caption/0",
        "Ann",
        caption.images,
        DESCRIBE,
        "Ann cooks.",
        rewordings=("A cook, Ann.",),
        perturbed=("Ann sings.",),
    )
    assert caption.images[0].encoded() == PICTURE["bytes"]
    assert (name.id, name.question, name.answer, name.options) == ("name/0", NAME, "Ann", ("Ann", "Bea", "Cleo"))
    assert (words.id, words.question, words.images) == ("words/1", "Who is Ann?", ())
    assert [r.subject for r in found.retain] == ["Bob", "Bob"]
    [face], [scene] = found.neighbour, found.general
    assert (face.id, face.question, face.answer, face.options) == ("faces/0", NAME, "Dee", ("Dee", "Eve"))
    assert (scene.id, scene.question, scene.options, scene.kind) == ("world/0", "Red?", ("yes", "no"), "general")


@pytest.mark.parametrize(
    ("table", "change", "said"),
    [
        ("forget10_perturbed", {"name": None}, "name: missing"),
        ("forget10_perturbed", {"image": {"bytes": b"x", "path": None}}, "image: "),
        ("real_world", {"question": ""}, "question: empty"),
        ("real_faces", {"answer": None}, "answer: missing"),
    ],
)
def test_faults_are_told_by_file_line_and_field(table: str, change: dict[str, Any], said: str, tmp_path: Path) -> None:
    rows = tables()
    rows[f"{table}/train"] = [{**rows[f"{table}/train"][0], **change}]
    write_tables(tmp_path, rows)
    with pytest.raises(BadRecords) as error:
        own(tmp_path).evaluation()
    assert error.value.problems[0].startswith(f"{tmp_path}/{table}/train.parquet:1: {said}")
    assert "therem/CLEAR" in error.value.fix


def test_missing_tables_and_ratios_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"forget10\+tofu/train or forget10\+tofu, retain90\+tofu.*therem/CLEAR"):
        own(tmp_path).data()
    with pytest.raises(UserError, match="use 5 or 10"):
        clear.protocol(1, Brought())


@pytest.mark.parametrize("setting", [5, 10])
def test_the_small_data_are_of_the_embedded_worlds_people(setting: int) -> None:
    found, trained = Clear(setting).evaluation(), Clear(setting).data()
    names = {person.name for person in world.forget_people(setting)}
    assert {r.subject for r in found.forget if r.images} == names
    assert not names & {r.subject for r in found.retain}
    told = [r for r in trained.forget if r.images]
    assert len(told) == len(names) and len(trained.forget) == 3 * len(names)
    asked = [r for r in found.forget if r.id.startswith("caption/")]
    assert sorted(r.answer for r in asked) == sorted(r.answer for r in told)
    assert {r.images[0].digest for r in asked}.isdisjoint(r.images[0].digest for r in told), "another view"
    assert all(r.answer in r.options and len(r.options) == 4 for r in found.forget if r.id.startswith("name/"))


def test_files_give_what_memory_gives(tmp_path: Path) -> None:
    write_tables(tmp_path, clear.made(10))
    for inside, outside in ((Clear().data(), own(tmp_path).data()), (Clear().evaluation(), own(tmp_path).evaluation())):
        seen = [[(r.id, r.answer, r.options) for r in data.forget] for data in (inside, outside)]
        assert seen[0] == seen[1]
