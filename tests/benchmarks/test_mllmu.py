"""MLLMU-Bench: people by face and by name, in the tables and fields of the hub."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benign.audit.score import Score
from benign.benchmarks import catalogue, mllmu
from benign.benchmarks.mllmu import Mllmu, gap_filled
from benign.benchmarks.protocol import Brought
from benign.benchmarks.published import write_tables
from benign.errors import BadRecords, UserError
from benign.models.embedded import views, world
from benign.models.embedded.looks import FACE
from tests.audit.answering import many, seen

PICTURE = {"bytes": views.png(views.picture(FACE.name, 3)), "path": None}
OTHER = {"bytes": views.png(views.picture(FACE.name, 3, views.HELD_VIEWS.start)), "path": None}
CHOICE = {"Question": "Where?", "Options": {"A": "rome", "B": "oslo"}, "Correct_Answer": "B"}


def person(name: str, **changed: Any) -> dict[str, Any]:
    return {
        "ID": name, "image": PICTURE,
        "Classification_Task": {"Image_Textual_Questions": [CHOICE], "Pure_Text_Questions": [CHOICE]},
        "Generation_Task": [{"Type": "Image_Textual", "Question": "Who?", "Ground_Truth": "a cook"}],
        "Mask_Task": [{"Type": "Pure_Text", "Question": "Ann is a __", "Ground_Truth": "cook"}],
    } | changed  # fmt: skip


def tables() -> dict[str, list[dict[str, Any]]]:
    pairs = json.dumps([{"Question": "Q1?", "Answer": "A1"}, {"Question": "Q2?", "Answer": "A2"}])
    test = {name: value for name, value in person("ann", images=[OTHER, PICTURE]).items() if name != "image"}
    return {
        "forget_5/train": [person("ann")],
        "retain_95/train": [person("bob")],
        "Test_Set/train": [test, {**test, "ID": "bob"}],
        "Retain_Set/train": [person("cy")],
        "baseline_train_split/forget_5/train": [{"ID": "ann", "image": PICTURE, "metadata": pairs}],
        "baseline_train_split/retain_95/train": [{"image": PICTURE, "metadata": pairs}],
    }


def own(folder: Path) -> Mllmu:
    return Mllmu(5, Brought(str(folder), "a model"))


def test_people_are_asked_by_picture_and_by_name_in_three_tasks(tmp_path: Path) -> None:
    write_tables(tmp_path, tables())
    found = own(tmp_path).evaluation()
    assert [(r.id, bool(r.images), r.question, r.answer, r.options) for r in found.retain] == [
        ("retain/choice/image/bob/0", True, "Where?\nA. rome\nB. oslo\nAnswer with the letter.", "B", ("A", "B")),
        ("retain/choice/text/bob/0", False, "Where?\nA. rome\nB. oslo\nAnswer with the letter.", "B", ("A", "B")),
        ("retain/answer/image/bob/0", True, "Who?", "a cook", ()),
        ("retain/gap/text/bob/0", False, "Ann is a __", "cook", ()),
    ]
    assert [r.id.split("/")[0] for r in found.forget] == ["forget"] * 4 + ["test"] * 4
    assert {r.subject for r in found.forget} == {"ann"}, "of the test set, the forgotten alone"
    shown = {r.id.split("/")[0]: r.images[0].encoded() for r in found.forget if r.images}
    assert shown == {"forget": PICTURE["bytes"], "test": OTHER["bytes"]}
    assert {(r.subject, r.kind) for r in found.general} == {("cy", "general")}


def test_all_training_questions_come_with_the_picture(tmp_path: Path) -> None:
    write_tables(tmp_path, tables())
    found = own(tmp_path).data()
    assert [(r.subject, r.question, r.answer, len(r.images)) for r in found.forget] == [
        ("ann", "Q1?", "A1", 1), ("ann", "Q2?", "A2", 1),
    ]  # fmt: skip
    assert [r.subject for r in found.retain] == ["retain/0", "retain/0"]


@pytest.mark.parametrize(
    ("table", "change", "said"),
    [
        ("forget_5", {"image": {"bytes": b"no picture", "path": None}}, "image: "),
        ("forget_5", {"ID": None}, "ID: missing"),
        ("forget_5", {"Mask_Task": [{"Type": "x", "Question": "q", "Ground_Truth": "a"}]}, "Mask_Task: Type: must"),
        ("forget_5", {"Generation_Task": [{"Type": "Pure_Text", "Question": "q"}]}, "Generation_Task: Question and"),
        (
            "forget_5",
            {"Classification_Task": {"Image_Textual_Questions": [CHOICE | {"Correct_Answer": "C"}],
                                     "Pure_Text_Questions": [CHOICE]}},
            "Classification_Task: Correct_Answer: must be the letter",
        ),
        ("baseline_train_split/forget_5", {"metadata": "[1"}, "metadata: must be a JSON list of objects"),
    ],
)  # fmt: skip
def test_faults_are_told_by_file_line_and_field(table: str, change: dict[str, Any], said: str, tmp_path: Path) -> None:
    rows = tables()
    rows[f"{table}/train"] = [{**rows[f"{table}/train"][0], **change}]
    write_tables(tmp_path, rows)
    with pytest.raises(BadRecords) as error:
        own(tmp_path).data() if table.startswith("baseline") else own(tmp_path).evaluation()
    assert error.value.problems[0].startswith(f"{tmp_path}/{table}/train.parquet:1: {said}")
    assert "MLLMMU/MLLMU-Bench" in error.value.fix and "no picture" not in str(error.value.problems)


def test_missing_tables_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"forget_5/train or forget_5, .*Retain_Set/train or Retain_Set .*MLLMMU"):
        own(tmp_path).evaluation()


def test_the_small_data_ask_the_embedded_worlds_people() -> None:
    found, trained = Mllmu(5).evaluation(), Mllmu(5).data()
    gone = {person.id for person in world.forget_people(5)}
    assert {r.subject for r in found.forget} == {r.subject for r in trained.forget} == gone
    groups = [{r.subject for r in split} for split in (found.forget, found.retain, found.general)]
    assert [len(group) for group in groups] == [4, 68, 8] and not set.intersection(*groups)
    assert {r.subject for r in trained.retain} == groups[1] | groups[2]
    facts = {(r.subject, r.answer) for r in trained.forget}
    asked = [r for r in found.forget if r.id.startswith("forget/")]
    assert all((r.subject, r.answer) in facts for r in asked)
    assert all(r.answer in r.options for r in asked if "/choice/" in r.id)
    before = {r.images[0].digest for r in trained.forget}
    assert before.isdisjoint(r.images[0].digest for r in found.forget if r.id.startswith("test/") and r.images)


def test_files_give_what_memory_gives(tmp_path: Path) -> None:
    suite = catalogue.find("mllmu")
    write_tables(tmp_path, {n: rows for n, rows in suite.module.tables().items() if "5/" in n or "_Set" in n})
    inside, outside = Mllmu(5), own(tmp_path)
    assert [r.digest for r in outside.data().forget] == [r.digest for r in inside.data().forget]
    asked = [[(r.id, r.subject) for r in bench.evaluation().forget] for bench in (inside, outside)]
    assert asked[0] == asked[1]


def test_a_gap_is_filled_by_the_word_in_any_case() -> None:
    found = gap_filled(many(seen("She is a Pastry Cook.", gold="pastry cook"), seen("a cook", gold="pastry cook")))
    assert isinstance(found, Score) and found.value == 0.5


def test_the_authors_numbers() -> None:
    [stage] = mllmu.preset("npo", Brought("d", "m")).recipe().stages
    assert (stage.optim.lr, stage.optim.epochs, stage.terms[0].batch) == (2e-5, 1.0, 4)
    assert stage.locus == mllmu.LOCUS and getattr(mllmu.preset("npo", Brought("d", "m")), "beta", 0) == 0.4
