"""MedForget: questions with a place in a hierarchy, and what lies below and beside the forgotten."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benign.audit.attacks.reconstruction import Reconstruction
from benign.audit.observation import Observation
from benign.audit.score import Score
from benign.audit.sources import Sources
from benign.benchmarks import catalogue, medforget
from benign.benchmarks.medforget import VARIANTS, MedForget
from benign.benchmarks.medforget_rows import task
from benign.benchmarks.protocol import Brought
from benign.benchmarks.published import write_tables
from benign.errors import BadRecords, NotMeasured, UserError
from benign.models.embedded import views, world
from benign.models.embedded.looks import FACE
from tests.audit.answering import many, seen

PICTURE = {"bytes": views.png(views.picture(FACE.name, 3)), "path": None}
ASKED = [{"Question": "What is seen?", "Answer": "a shadow"}]


def row(path: str, level: str = "", section: str = "", asked: Any = ASKED, **changed: Any) -> dict[str, Any]:
    """A row whose place is its path, and whose level is told beside it."""
    hierarchy = {"section_name": section, "hierarchy_level": level}
    return {"image": PICTURE, "image_path": path, "metadata": json.dumps(asked),
            "hierarchy_metadata": json.dumps(hierarchy), "ID": path} | changed  # fmt: skip


def tables(level: str = "study") -> dict[str, list[dict[str, Any]]]:
    return {
        f"{level}_level/forget_set_all": [
            row("h1/p1/s1/a.png", "study"),
            row("h1/p1/s1/a.png", "section", "FINDINGS"),
        ],
        f"{level}_level/retain_set_all": [
            row("h1/p1/s2/b.png", "study"),
            row("h1/p1/s2/b.png", "patient"),
            row("h1/p2/s3/c.png", "section", "FINDINGS"),
            row("h2/p3/s4/d.png", "institution"),
        ],
    }


def own(folder: Path, level: str = "study") -> MedForget:
    return MedForget(level, Brought(str(folder), "a model"))


def test_subjects_are_paths_down_to_the_level_of_the_question(tmp_path: Path) -> None:
    write_tables(tmp_path, tables())
    found = own(tmp_path).data()
    assert [(r.id, r.subject) for r in found.forget] == [
        ("forget/generation/target/0/0", "h1/p1/s1"),
        ("forget/generation/child/1/0", "h1/p1/s1/FINDINGS"),
    ]
    assert [(r.id.split("/")[2], r.subject) for r in found.retain] == [
        ("sibling", "h1/p1/s2"), ("sibling", "h1/p1"), ("other", "h1/p2/s3/FINDINGS"), ("other", "h2"),
    ]  # fmt: skip
    assert found.forget[0].images[0].encoded() == PICTURE["bytes"]
    assert own(tmp_path).evaluation() == found


@pytest.mark.parametrize(
    ("level", "relations"),
    [
        ("institution", (["child", "child"], ["other"] * 4)),
        ("patient", (["child", "child"], ["sibling", "sibling", "sibling", "other"])),
        ("section", (["target", "target"], ["other", "other", "other", "other"])),
    ],
)
def test_what_is_beside_a_target_shares_its_parent(
    level: str, relations: tuple[list[str], list[str]], tmp_path: Path
) -> None:
    write_tables(tmp_path, tables(level))
    found = own(tmp_path, level).data()
    assert tuple([r.id.split("/")[2] for r in split] for split in (found.forget, found.retain)) == relations


def test_the_place_may_stand_in_the_hierarchy_alone(tmp_path: Path) -> None:
    named = {"institution_id": "h9", "patient_id": 77, "study_id": "s5", "section_name": "IMPRESSION"}
    rows = tables() | {
        "study_level/forget_set_all": [
            row("x", hierarchy_metadata=json.dumps(named)),
            row("h1/p1/s1/a.png", hierarchy_metadata=None),
            row("h1/p1/s1/a.png", "patient_level"),
        ]
    }
    write_tables(tmp_path, rows)
    assert [r.subject for r in own(tmp_path).data().forget] == ["h9/77/s5/IMPRESSION", "h1/p1/s1", "h1/p1"]


def test_the_attack_rebuilds_a_record_level_by_level(tmp_path: Path) -> None:
    write_tables(tmp_path, tables())
    _, child = own(tmp_path).data().forget
    assert [record.question for record in Reconstruction().rewrite(child)] == [
        f"This belongs to {place}. What is seen?"
        for place in ("h1", "h1, p1", "h1, p1, s1", "h1, p1, s1, FINDINGS")
    ]  # fmt: skip


def test_tasks_are_told_by_the_question() -> None:
    assert task("The heart is [blank].") == "cloze"
    assert task("Size? A) small B) large C) normal") == "classification"
    assert task("Size? A) small B) large") == task("What is seen?") == "generation"


def test_answers_may_be_lists(tmp_path: Path) -> None:
    asked = [{"Question": "What is [blank]?", "Answer": ["left", "lung"]}, {"Question": "And?", "Answer": "no"}]
    write_tables(tmp_path, tables() | {"study_level/forget_set_all": [row("h1/p1/s1/a.png", "study", asked=asked)]})
    assert [(r.id, r.answer) for r in own(tmp_path).data().forget] == [
        ("forget/cloze/target/0/0", "left lung"), ("forget/generation/target/0/1", "no"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"image": {"bytes": b"no picture", "path": None}}, "image: "),
        ({"metadata": "[1"}, "metadata: must be JSON"),
        ({"metadata": json.dumps([{"Question": "Q?"}])}, "metadata: Question and Answer must be texts"),
        ({"metadata": json.dumps([{"Question": "", "Answer": "a"}])}, "metadata: Question and Answer must be texts"),
        ({"hierarchy_metadata": "{"}, "hierarchy_metadata: must be JSON"),
        ({"hierarchy_metadata": json.dumps({"hierarchy_level": "ward"})}, "hierarchy_metadata: hierarchy_level: must"),
        ({"image_path": "h1"}, "hierarchy_metadata: patient: must be named"),
        (
            {"hierarchy_metadata": json.dumps({"institution_id": "h/1", "hierarchy_level": "patient"})},
            "hierarchy_metadata: institution: must be named",
        ),
    ],
)
def test_faults_are_told_by_file_line_and_field(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    rows = tables()
    rows["study_level/forget_set_all"][0] |= change
    write_tables(tmp_path, rows)
    with pytest.raises(BadRecords) as error:
        own(tmp_path).data()
    assert error.value.problems[0].startswith(f"{tmp_path}/study_level/forget_set_all.parquet:1: {said}")
    assert "PhysioNet" in error.value.fix


def test_missing_tables_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"patient_level/forget_set_all, patient_level/retain_set_all .*PhysioNet"):
        own(tmp_path, "patient").data()


def said(record: str, text: str, gold: str = "left lung") -> Observation:
    return replace(seen(text, gold=gold, split=record.partition("/")[0]), record=record)


def test_the_columns_on_answers_by_hand() -> None:
    observed = many(
        said("forget/generation/target/0/0", "the left side"),
        said("forget/cloze/child/1/0", "Left lung."), said("forget/cloze/child/1/1", "the left lung"),
        said("forget/classification/target/2/0", "right lung"),
        said("retain/generation/sibling/0/0", "left lung"), said("retain/cloze/other/1/0", ""),
    )  # fmt: skip
    found = {c.name: c.measure(Sources(observed)) for c in MedForget("study").columns if c.measure is not None}
    scores = {name: score.value for name, score in found.items() if isinstance(score, Score)}
    assert scores["medforget_forget_generation"] == pytest.approx(2 * 1 / (2 + 3))
    assert scores["medforget_forget_cloze"] == 0.5 and scores["medforget_forget_classification"] == 0
    assert scores["medforget_children"] == pytest.approx((1 + 2 * 2 / (2 + 3)) / 2)
    assert (
        scores["medforget_siblings"] == scores["medforget_retain_generation"] == scores["medforget_retain_total"] == 1
    )
    assert scores["medforget_retain_cloze"] == 0
    assert {name for name, score in found.items() if isinstance(score, NotMeasured)} == {
        "medforget_retain_classification"
    }


@pytest.mark.parametrize("level", VARIANTS)
def test_the_small_data_are_nested_and_nothing_is_in_both_sets(level: str) -> None:
    found = MedForget(level).data()
    gone = {r.subject for r in found.forget}
    assert gone.isdisjoint(r.subject for r in found.retain)
    people = {person.id for person in world.forget_people(10 if level == "institution" else 5)}
    assert {subject.split("/")[1] for subject in gone} == people, "whom the retrained model never saw"
    if level != "institution":
        above = {r.subject for r in MedForget(VARIANTS[VARIANTS.index(level) - 1]).data().forget}
        assert gone < above
        assert any(r.id.split("/")[2] == "sibling" for r in found.retain)
    tasks = {r.id.split("/")[1] for r in found.forget}
    assert tasks == {"generation", "classification", "cloze"}
    assert not any("A)" in r.question or "[blank]" in r.question for r in found.forget), "for the embedded model"


def test_files_give_what_memory_gives(tmp_path: Path) -> None:
    catalogue.find("medforget-section").make(tmp_path)
    inside, outside = MedForget("section").data(), own(tmp_path, "section").data()
    assert [(r.id, r.subject, r.answer) for r in inside.forget] == [(r.id, r.subject, r.answer) for r in outside.forget]
    assert next(r.question for r in outside.forget if "/cloze/" in r.id).endswith(" is [blank].")
    assert all(" A) " in r.question and " D) " in r.question for r in outside.forget if "/classification/" in r.id)


def test_the_official_trainings_numbers() -> None:
    [stage] = medforget.preset("npo", Brought("d", "m"), "study").recipe().stages
    assert (stage.optim.lr, stage.optim.epochs, stage.terms[0].batch) == (1e-4, 3.0, 8)
    assert stage.locus == medforget.LOCUS
