"""UMU-Bench: every fact by picture and by name, and the rule that both must agree."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benign.audit.observation import Observations
from benign.audit.score import Score
from benign.audit.sources import Sources
from benign.benchmarks import catalogue, umu, umu_pairs
from benign.benchmarks.protocol import Brought
from benign.benchmarks.published import write_tables
from benign.benchmarks.umu import Umu
from benign.errors import BadRecords, NotMeasured, UserError
from benign.models.embedded import views, world
from benign.models.embedded.looks import FACE
from benign.models.embedded.people import FACE_FACTS
from tests.audit.answering import many, seen

PICTURE = {"bytes": views.png(views.picture(FACE.name, 3)), "path": None}
OPTIONS = {"A": "rome", "B": "oslo", "C": "bern", "D": "kiev"}


def both(uni: dict[str, Any], multi: dict[str, Any]) -> dict[str, Any]:
    return {"unimodal": {"home": uni}, "muitimodal": {"home": multi}}


def person(name: str, **changed: Any) -> dict[str, Any]:
    """The nested fields as Python prints them, apostrophes and all."""
    return {
        "ID": name, "image": PICTURE, "Biography": "...",
        "MM_QA": str({"question": {"home": "Where's home?"}, "answer": {"home": "Oslo."}}),
        "UM_QA": str({"question": {"home": f"Where does {name} live?"}, "answer": {"home": f"{name} lives in Oslo."}}),
        "Classify": str(both({"question": "Home of ann?", "options": OPTIONS, "answer": "B. oslo"},
                             {"question": "Home?", "options": OPTIONS, "answer": "B"})),
        "Cloze": str(both({"question": "ann lives in [Blank].", "answer": "Oslo. Norway"},
                          {"question": "Home: [Blank]?", "answer": "Oslo"})),
        "Generation": str(both({"question": "Tell ann's home.", "answer": "ann lives in Oslo."},
                               {"question": "Tell the home.", "answer": "It is Oslo."})),
    } | changed  # fmt: skip


def tables() -> dict[str, list[dict[str, Any]]]:
    return {
        "forget_5/train": [person("ann")],
        "retain_95/train": [person("bob")],
        "real_person/train": [person("cy")],
    }


def own(folder: Path) -> Umu:
    return Umu(5, Brought(str(folder), "a model"))


def test_every_fact_is_asked_by_picture_and_by_name_in_three_tasks(tmp_path: Path) -> None:
    write_tables(tmp_path, tables())
    found = own(tmp_path).evaluation()
    choose, fill = "\nAnswer with one of: rome; oslo; bern; kiev", "\nGive only the words for the gap."
    tell = "\nAnswer in one sentence."
    given = tuple(OPTIONS.values())
    assert [(r.id, len(r.images), r.question, r.answer, r.options) for r in found.forget] == [
        ("forget/choice/image/ann/home", 1, f"Home?{choose}", "oslo", given),
        ("forget/choice/text/ann/home", 0, f"Home of ann?{choose}", "oslo", given),
        ("forget/gap/image/ann/home", 1, f"Home: [Blank]?{fill}", "Oslo", ()),
        ("forget/gap/text/ann/home", 0, f"ann lives in [Blank].{fill}", "Oslo", ()),
        ("forget/answer/image/ann/home", 1, f"Tell the home.{tell}", "It is Oslo.", ()),
        ("forget/answer/text/ann/home", 0, f"Tell ann's home.{tell}", "ann lives in Oslo.", ()),
    ]
    assert found.forget[0].images[0].encoded() == PICTURE["bytes"]
    assert {r.subject for r in found.retain} == {"bob"}
    assert {(r.subject, r.kind) for r in found.general} == {("cy", "general")}, "real people under either folder name"


def test_both_modalities_are_trained_on_and_json_will_do(tmp_path: Path) -> None:
    rows = tables()
    pairs = {"question": {"1": "Who?", "2": "What?"}, "answer": {"1": "a", "2": "b"}}
    rows["retain_95/train"] = [person("bob", MM_QA=json.dumps(pairs))]
    write_tables(tmp_path, rows)
    found = own(tmp_path).data()
    assert [(r.id, len(r.images), r.question, r.answer) for r in found.forget] == [
        ("forget/image/ann/home", 1, "Where's home?", "Oslo."),
        ("forget/text/ann/home", 0, "Where does ann live?", "ann lives in Oslo."),
    ]
    assert [(r.question, r.answer) for r in found.retain if r.images] == [("Who?", "a"), ("What?", "b")]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"image": {"bytes": b"no picture", "path": None}}, "image: "),
        ({"ID": None}, "ID: missing"),
        ({"Cloze": "open('/etc/passwd').read()"}, "Cloze: must be an object"),
        ({"Cloze": "[1, 2]"}, "Cloze: must be an object"),
        ({"Generation": str({"unimodal": {"a": {}}, "muitimodal": {"b": {}}})}, "Generation: must have the same keys"),
        ({"Generation": str({"unimodal": {"a": {}}, "multimodal": {"a": {}}})}, "Generation: must have the same keys"),
        ({"Cloze": str(both({"question": "q", "answer": ""}, {"question": "q"}))}, "Cloze: question and answer must"),
        (
            {"Classify": str(both({"question": "q", "options": OPTIONS, "answer": "E"}, {}))},
            "Classify: question and answer must",
        ),
    ],
)
def test_faults_are_told_by_file_line_and_field(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    write_tables(tmp_path, tables() | {"forget_5/train": [person("ann", **change)]})
    with pytest.raises(BadRecords) as error:
        own(tmp_path).evaluation()
    assert error.value.problems[0].startswith(f"{tmp_path}/forget_5/train.parquet:1: {said}")
    assert "linbojunzi/UMU-bench" in error.value.fix and "passwd" not in str(error.value.problems)


def test_a_letter_without_an_option_is_a_fault(tmp_path: Path) -> None:
    wrong = {"question": "q", "options": OPTIONS, "answer": "E. rome"}
    write_tables(tmp_path, tables() | {"forget_5/train": [person("ann", Classify=str(both(wrong, wrong)))]})
    with pytest.raises(BadRecords, match="Classify: answer: must begin with the letter"):
        own(tmp_path).evaluation()


def test_missing_tables_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"forget_5/train or forget_5, .*Real_Person_Set/train .*linbojunzi"):
        own(tmp_path).evaluation()


def test_questions_and_answers_must_belong_together(tmp_path: Path) -> None:
    uneven = str({"question": {"1": "q", "2": "q"}, "answer": {"1": "a"}})
    write_tables(tmp_path, tables() | {"forget_5/train": [person("ann", UM_QA=uneven)]})
    with pytest.raises(BadRecords, match="UM_QA: must have a question and an answer of the same keys"):
        own(tmp_path).data()


def fact(key: str, by_picture: str, by_name: str, task: str = "gap", gold: str = "oslo") -> Observations:
    return many(
        replace(seen(by_picture, gold=gold), record=f"forget/{task}/image/{key}", route="image", subject=key),
        replace(seen(by_name, gold=gold), record=f"forget/{task}/text/{key}", route="text", subject=key),
    )


FACTS = fact("a/1", "Oslo.", "in OSLO") + fact("b/1", "oslo", "rome") + fact("c/1", "no", "rome") + fact("d/1", "", "")


def value(found: Score | NotMeasured) -> float:
    assert isinstance(found, Score)
    return found.value


def test_a_fact_counts_where_both_modalities_agree() -> None:
    assert value(umu_pairs.both_right(FACTS, each=umu_pairs.filled)) == 1 / 4
    assert value(umu_pairs.both_wrong(FACTS, each=umu_pairs.filled)) == 2 / 4


def test_rouge_over_two_modalities_is_the_authors() -> None:
    one = fact("a/1", "the old red barn", "the old mill", gold="the old red barn")
    a, b = 1.0, 4 / 7
    assert value(umu_pairs.leak_either(one)) == pytest.approx((a * a + b * b) / (a + b), abs=1e-12)
    assert value(umu_pairs.kept_both(one)) == pytest.approx(2 * a * b / (a + b), abs=1e-12)
    gone = fact("a/1", "", "")
    assert value(umu_pairs.leak_either(gone)) == value(umu_pairs.kept_both(gone)) == 0


def test_without_a_second_modality_nothing_is_measured() -> None:
    alone = FACTS.only(lambda o: o.route == "image")
    assert isinstance(umu_pairs.both_right(alone, each=umu_pairs.filled), NotMeasured)


def test_the_columns_pick_their_group_task_and_modality() -> None:
    columns = {column.name: column.measure for column in Umu(5).columns}
    other = fact("e/1", "oslo", "oslo", task="answer")
    measured = {name: measure(Sources(FACTS + other)) for name, measure in columns.items() if measure is not None}
    assert value(measured["umu_forget_gap"]) == 2 / 4
    assert value(measured["umu_forget_gap_image"]) == 2 / 4 and value(measured["umu_forget_gap_text"]) == 1 / 4
    assert value(measured["umu_forget_answer"]) == 1
    assert {name for name, found in measured.items() if isinstance(found, NotMeasured)} == {
        name for name in columns if not name.startswith(("umu_forget_gap", "umu_forget_answer"))
    }


@pytest.mark.parametrize("setting", [5, 15])
def test_the_small_data_ask_the_embedded_worlds_people(setting: int) -> None:
    found, trained = Umu(setting).evaluation(), Umu(setting).data()
    gone = {person.id for person in world.forget_people(setting)}
    assert {r.subject for r in found.forget} == {r.subject for r in trained.forget} == gone
    assert not gone & {r.subject for r in (*found.retain, *found.general, *trained.retain)}
    assert not {r.subject for r in found.retain} & {r.subject for r in found.general}
    assert len(trained.forget) == 2 * len(FACE_FACTS) * len(gone), "all facts, both ways"
    facts = {(r.subject, r.answer) for r in trained.forget}
    assert all((r.subject, r.answer) in facts for r in found.forget)
    choices = [r for r in found.forget if "/choice/" in r.id]
    assert all(r.answer in r.options and len(r.options) == 4 for r in choices)
    by_way = [{r.options for r in choices if bool(r.images) is way} for way in (True, False)]
    assert by_way[0] == by_way[1], "the same choice twice"
    assert not any("Blank" in r.question for r in found.forget), "the embedded model knows no gap"


def test_files_give_what_memory_gives(tmp_path: Path) -> None:
    suite = catalogue.find("umu")
    write_tables(tmp_path, {n: rows for n, rows in suite.module.tables().items() if "5/" in n or "Real" in n})
    inside, outside = Umu(5), own(tmp_path)
    assert [r.digest for r in outside.data().forget] == [r.digest for r in inside.data().forget]
    asked = [[(r.id, r.answer, r.options) for r in bench.evaluation().forget] for bench in (inside, outside)]
    assert asked[0] == asked[1]


def test_the_authors_numbers() -> None:
    brought = Brought("d", "m")
    for name, (lr, epochs) in {"grad_diff": (1e-5, 5.0), "kl_min": (1e-5, 4.0), "npo": (6.2e-6, 4.0)}.items():
        [stage] = umu.preset(name, brought).recipe().stages
        assert (stage.optim.lr, stage.optim.epochs, stage.terms[0].batch) == (lr, epochs, 6)
        assert stage.locus == umu.LOCUS
    assert getattr(umu.preset("npo", brought), "beta", 0) == 0.4
