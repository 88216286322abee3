"""TOFU: its tables and fields as published, read into the splits that its numbers are about."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benign.benchmarks import catalogue, tofu
from benign.benchmarks.presets_text import TEXT, TUNED
from benign.benchmarks.protocol import Brought
from benign.data.record import Record
from benign.errors import BadRecords, UserError
from benign.models.embedded.text import world
from benign.parts.loci.all_weights import AllWeights

FIELDS = {
    "forget10": {"question", "answer"},
    "holdout10": {"question", "answer"},
    "forget10_perturbed": {
        "question", "answer", "paraphrased_answer", "perturbed_answer", "paraphrased_question",
    },
    "real_authors_perturbed": {
        "question", "answer", "option1", "option2", "option3", "option4", "perturbed_answer",
    },
}  # fmt: skip
"""As ``locuslab/TOFU`` has them."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tofu")
    catalogue.find("tofu").make(made)
    return made


def brought(folder: Path) -> tofu.Tofu:
    return tofu.Tofu(10, Brought(str(folder), "a model"), per_author=10)


def asked(records: tuple[Record, ...]) -> list[tuple[str, str]]:
    return [(record.question, record.answer) for record in records]


def test_the_small_data_have_the_published_tables_and_fields(folder: Path) -> None:
    names = {path.stem for path in folder.glob("*.json")}
    for ratio, kept in (("01", "99"), ("05", "95"), ("10", "90")):
        wanted = {f"forget{ratio}", f"forget{ratio}_perturbed", f"holdout{ratio}", f"retain{kept}"}
        assert wanted <= names
    assert {"full", "retain_perturbed", "real_authors", "world_facts", "world_facts_perturbed"} <= names
    for name, fields in FIELDS.items():
        rows = [json.loads(line) for line in (folder / f"{name}.json").read_text(encoding="utf-8").splitlines()]
        assert {frozenset(row) for row in rows} == {frozenset(fields)}, name


@pytest.mark.parametrize("setting", [10, 5, 1])
def test_methods_get_the_worlds_forget_and_retain_set(setting: int) -> None:
    found, splits = tofu.Tofu(setting).data(), world.splits(setting)
    assert asked(found.forget) == asked(splits.forget) and len(found.forget) == setting * 20
    assert sorted(asked(found.retain)) == sorted(asked(splits.retain)) and len(found.retain) == 2000 - setting * 20
    assert not (found.neighbour or found.general or found.holdout)
    authors = [record.subject for record in found.forget]
    assert len(set(authors)) == setting * 2 and authors == sorted(authors, key=authors.index)
    assert {record.kind for record in found.forget + found.retain} == {"memory"}


def test_files_give_what_memory_gives(folder: Path) -> None:
    inside, outside = tofu.Tofu(10), brought(folder)
    assert outside.data() == inside.data()
    assert outside.evaluation() == inside.evaluation()


def test_the_audit_asks_the_perturbed_sets(folder: Path) -> None:
    found = brought(folder).evaluation()
    assert [len(found.split(name)) for name in ("forget", "retain", "holdout")] == [200, 200, 200]
    first = json.loads((folder / "forget10_perturbed.json").read_text(encoding="utf-8").splitlines()[0])
    assert found.forget[0] == Record(
        "forget10/0", "forget10/author 0", question=first["question"], answer=first["answer"],
        paraphrases=(first["paraphrased_question"],), rewordings=(first["paraphrased_answer"],),
        perturbed=tuple(first["perturbed_answer"]),
    )  # fmt: skip
    assert len(first["perturbed_answer"]) == 5
    sections = {
        name: {(r.kind, r.neighbour, bool(r.rewordings), len(r.perturbed)) for r in found.split(name)}
        for name in ("retain", "neighbour", "general")
    }
    # Real authors and world facts have no reworded answer: there the truth ratio takes the answer as it is.
    assert sections == {
        "retain": {("memory", None, True, 5)},
        "neighbour": {("memory", "domain", False, 3)},
        "general": {("general", None, False, 3)},
    }
    asked_about = {record.question for record in found.holdout}
    assert asked_about.isdisjoint(record.question for record in world.splits(10).forget + world.splits(10).retain)


def test_twenty_questions_belong_to_an_author_of_the_published_data(folder: Path) -> None:
    found = tofu.Tofu(10, Brought(str(folder), "a model")).data()
    assert [found.forget[i].subject for i in (0, 19, 20)] == [f"forget10/author {i}" for i in (0, 0, 1)]


def test_paraphrased_questions_may_be_a_list(folder: Path, tmp_path: Path) -> None:
    write(folder, tmp_path, "forget10_perturbed", lambda row: {**row, "paraphrased_question": ["a?", "b?"]})
    assert brought(tmp_path).evaluation().forget[0].paraphrases == ("a?", "b?")


def test_faults_are_told_by_file_line_and_field(folder: Path, tmp_path: Path) -> None:
    write(folder, tmp_path, "forget10_perturbed", lambda row: {**row, "perturbed_answer": "one"}, only=3)
    write(tmp_path, tmp_path, "retain_perturbed", lambda row: {"question": row["question"]}, only=2)
    with pytest.raises(BadRecords) as error:
        brought(tmp_path).evaluation()
    assert error.value.problems == (
        f"{tmp_path}/forget10_perturbed.json:3: perturbed_answer: must be a list, not text",
        f"{tmp_path}/retain_perturbed.json:2: answer: missing",
    )
    assert "locuslab/TOFU" in error.value.fix


def test_missing_tables_are_named_and_the_holdout_set_may_be_missing(folder: Path, tmp_path: Path) -> None:
    copy(folder, tmp_path)
    (tmp_path / "holdout10.json").unlink()
    (tmp_path / "forget10_alternates.json").unlink()
    assert brought(tmp_path).evaluation().holdout == ()
    assert {record.perturbed for record in brought(tmp_path).data().forget} == {()}
    (tmp_path / "retain90.json").unlink()
    with pytest.raises(UserError, match=r"retain90 .*locuslab/TOFU"):
        brought(tmp_path).data()


def test_wrong_answers_to_train_on_are_none_that_are_asked(folder: Path) -> None:
    trained = {record.question: record.perturbed for record in brought(folder).data().forget}
    asked_of = world.rewordings(10)
    for record in world.splits(10).forget:
        assert 0 < len(trained[record.question]) <= 3
        assert set(trained[record.question]).isdisjoint((*record.perturbed, *asked_of[record.id].perturbed))
        assert record.answer not in trained[record.question]


def test_ones_own_models_get_the_published_training(folder: Path) -> None:
    method = tofu.preset("npo", Brought(str(folder), "a model"))
    [stage] = method.recipe().stages
    assert stage.optim == tofu.PUBLISHED and (stage.optim.lr, stage.optim.epochs) == (1e-5, 10.0)
    assert stage.locus == AllWeights() and [term.batch for term in stage.terms] == [32, 32]
    assert tofu.preset("npo", Brought()) == TUNED["npo"]
    for name in TEXT:
        assert tofu.preset(name, Brought(str(folder), "a model")) != TUNED[name]


def test_the_embedded_models_and_lengths_are_those_of_the_setting(folder: Path) -> None:
    assert [tofu.Tofu(n).retrained for n in (10, 1)] == ["embedded:lm-retrained-10", "embedded:lm-retrained-01"]
    own = tofu.Tofu(10, Brought("data", "mine"))
    assert (own.original, own.retrained, own.max_new_tokens) == ("mine", None, 200)
    assert replace(own, brought=Brought("data", "mine", "without")).retrained == "without"


def copy(source: Path, target: Path) -> None:
    for path in source.glob("*.json"):
        (target / path.name).write_bytes(path.read_bytes())


def write(source: Path, target: Path, name: str, change, *, only: int = 0) -> None:  # type: ignore[no-untyped-def]
    """Copy the tables and change the rows of one, or its ``only``-th row."""
    if source != target:
        copy(source, target)
    rows = [json.loads(line) for line in (target / f"{name}.json").read_text(encoding="utf-8").splitlines()]
    changed = [change(row) if only in (0, number) else row for number, row in enumerate(rows, 1)]
    (target / f"{name}.json").write_text("".join(json.dumps(row) + "\n" for row in changed), encoding="utf-8")
