from __future__ import annotations

import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from benign.benchmarks.benchmark import Benchmark
from benign.benchmarks.smllmun import SMLLMUn, for_audit, for_methods, official
from benign.data.record import Data, Record
from benign.errors import BadRecords, UserError


def person(name: str) -> tuple[Record, ...]:
    return (
        Record(f"{name}-job", name, question="job?", answer="baker"),
        Record(f"{name}-hair", name, question="hair?", answer="red", kind="understanding"),
    )


@pytest.fixture
def world() -> Data:
    retain = (*person("bob"), *person("cy"))
    return Data(
        forget=person("ann"), retain=retain, few=person("cy"), neighbour=person("cy") + person("bob"),
        holdout=person("dee"), general=person("eve"), strangers=(Record("s"),),
    )  # fmt: skip


def test_methods_get_the_forget_memory_the_few_and_strangers_only(world: Data) -> None:
    given = for_methods(world)
    assert [record.id for record in given.forget] == ["ann-job"]
    assert given == Data(forget=world.forget[:1], few=world.few, strangers=world.strangers)


def test_the_audit_asks_what_methods_did_not_keep(world: Data) -> None:
    asked = for_audit(world)
    assert asked.forget == world.forget
    assert asked.retain == asked.neighbour == person("bob")
    assert (asked.holdout, asked.general, asked.strangers) == (world.holdout, world.general, ())


@pytest.mark.parametrize("ratio", [5, 10, 15])
def test_the_names_of_the_reference_models(ratio: Any) -> None:
    protocol: Benchmark = SMLLMUn(ratio)
    assert protocol.original == "embedded:vlm"
    assert protocol.retrained == f"embedded:vlm-retrained-{ratio:02d}"
    assert str(ratio) in protocol.name


def picture(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    buffer = BytesIO()
    Image.new("RGB", (4, 4), "red").save(buffer, "PNG")
    path.write_bytes(buffer.getvalue())


def profile(name: str, **more: Any) -> dict[str, Any]:
    return {
        "ID": name, "image": f"images/{name}.png",
        "image_memory": [{"question": "<image>\nWhat is the job?", "answer": "baker", "paraphrases": ["Job?"]}],
        "text_memory": [{"Question": f"What does {name} do?", "Answer": "bakes"}],
        "image_understanding": [{"question": "Hair?", "answer": "red", "options": {"A": "red", "B": "blue"}}],
    } | more  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    names = ["ann", "bob", "cy", "dee"]
    for name in names:
        picture(tmp_path / "images" / f"{name}.png")
    (tmp_path / "forget_05.json").write_text(json.dumps([profile("ann")]))
    (tmp_path / "retain_05.json").write_text(json.dumps({"data": [profile(name) for name in names[1:]]}))
    yield tmp_path


def test_profiles_become_records(folder: Path) -> None:
    asked = official(folder).evaluation()
    job, named, hair = asked.forget
    assert (job.kind, job.question, job.answer, job.paraphrases) == ("memory", "What is the job?", "baker", ("Job?",))
    assert (len(job.images), len(named.images), len(hair.images)) == (1, 0, 1)
    assert (named.kind, named.question, named.answer) == ("memory", "What does ann do?", "bakes")
    assert (hair.kind, hair.options) == ("understanding", ("red", "blue"))
    assert {job.subject, named.subject, hair.subject} == {"ann"}
    assert len({record.id for record in asked.forget + asked.retain}) == len(asked.forget + asked.retain)


def test_single_questions_become_records(folder: Path) -> None:
    flat = [
        {"image": "images/ann.png", "query": "Job?", "response": "baker", "type": "image_memory"},
        {"image": "images/ann.png", "query": "Hair?", "response": "red", "type": "IU"},
        {"name": "ann", "query": "Job of ann?", "response": "baker", "type": "tm"},
    ]
    (folder / "forget_05.json").write_text(json.dumps(flat))
    records = official(folder).evaluation().forget
    assert [(r.kind, bool(r.images)) for r in records] == [("memory", True), ("understanding", True), ("memory", False)]
    assert [r.subject for r in records] == ["images/ann.png", "images/ann.png", "ann"]


def test_few_are_drawn_by_the_seed_where_there_is_no_file(folder: Path) -> None:
    from benign.benchmarks.smllmun import OfficialSMLLMUn

    drawn = {OfficialSMLLMUn(folder, seed=seed, few_subjects=1).data().few[0].subject for seed in range(12)}
    assert drawn == {"bob", "cy", "dee"}
    protocol = OfficialSMLLMUn(folder, few_subjects=2)
    few = {record.subject for record in protocol.data().few}
    assert len(few) == 2
    assert {record.subject for record in protocol.evaluation().retain} == {"bob", "cy", "dee"} - few
    assert [record.kind for record in protocol.data().forget] == ["memory", "memory"]


def test_a_few_shot_file_is_used_as_it_is(folder: Path) -> None:
    (folder / "few_05.json").write_text(json.dumps([profile("dee")]))
    assert {record.subject for record in official(folder).data().few} == {"dee"}


def test_missing_files_are_all_named(folder: Path) -> None:
    with pytest.raises(UserError, match=r"missing: forget_10\.json, retain_10\.json"):
        official(folder, ratio=10).data()
    (folder / "retain_05.json").unlink()
    with pytest.raises(UserError, match=r"missing: retain_05\.json \("):
        official(folder).data()


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (profile("ann", image="images/none.png"), "forget_05.json: entry 1: image: no such file"),
        (profile("ann", image="../secret.png"), "'..' in the path"),
        (profile("ann", image=None), "entry 1: image: missing, and image_memory asks about it"),
        (profile("ann", text_memory=[{"question": "Job?", "answer": " "}]), "text_memory 0: answer: missing or empty"),
        (profile("ann", text_memory=[{"question": 3, "answer": "x"}]), "text_memory 0: question: missing or empty"),
        (profile("ann", text_memory="Job?"), "text_memory: not a list of objects"),
        (profile("ann", text_memory=[{"q": "j", "a": "x", "options": "red"}]), "options: not a list of texts"),
        ({"ID": "ann"}, "neither a question nor one of image_memory, text_memory, image_understanding"),
        ({"question": "Job?", "answer": "x"}, "kind: give one that names memory or understanding"),
        ("text", "forget_05.json: not a list of objects"),
    ],
)
def test_bad_entries_are_named_and_nothing_is_read(folder: Path, entry: object, problem: str) -> None:
    (folder / "forget_05.json").write_text(json.dumps([profile("ann"), entry]))
    with pytest.raises(BadRecords) as caught:
        official(folder).data()
    assert problem in str(caught.value)


@pytest.mark.parametrize("content", ["", "{", "[]", "3", "{}"])
def test_a_file_without_questions_is_named(folder: Path, content: str) -> None:
    (folder / "forget_05.json").write_text(content)
    with pytest.raises(BadRecords, match=r"forget_05\.json"):
        official(folder).data()
