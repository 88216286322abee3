"""WMDP: the questions as both repositories have them, the corpora as they are given out."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from benign.benchmarks import catalogue, wmdp
from benign.benchmarks.protocol import Brought
from benign.benchmarks.wmdp import Wmdp, by_content, lettered
from benign.data.record import Record
from benign.errors import BadRecords, UserError
from benign.parts.loci.all_weights import AllWeights

ROW = {"question": "Which plant?", "choices": ["fern", "moss", "oak", "reed"], "answer": 2}
PROMPT = (
    "The following are multiple choice questions (with answers) about biology.\n\n"
    "Which plant?\nA. fern\nB. moss\nC. oak\nD. reed\nAnswer:"
)


def own(folder: Path, domain: wmdp.Domain = "bio") -> Wmdp:
    return Wmdp(domain, Brought(str(folder), "a model"))


def test_a_question_is_put_as_the_evaluation_harness_puts_it() -> None:
    assert lettered("biology", ROW["question"], ROW["choices"], 2) == (PROMPT, "C", ("A", "B", "C", "D"))  # type: ignore[arg-type]
    assert by_content("who?", ["ann", "bob"], 1) == ("who?", "bob", ("ann", "bob"))


def test_the_hubs_parquet_and_the_repositorys_json_give_the_same(tmp_path: Path) -> None:
    hub, repository = tmp_path / "hub", tmp_path / "repository"
    (hub / "wmdp-bio").mkdir(parents=True)
    (hub / "all").mkdir()
    repository.mkdir()
    parquet.write_table(pyarrow.Table.from_pylist([ROW]), hub / "wmdp-bio" / "test-00000-of-00001.parquet")
    parquet.write_table(
        pyarrow.Table.from_pylist([ROW | {"subject": "x"}]), hub / "all" / "test-00000-of-00001.parquet"
    )
    (repository / "bio_questions.json").write_text(json.dumps([ROW], indent=4))
    found = own(hub).evaluation()
    asked = Record("wmdp/0", question=PROMPT, answer="C", options=("A", "B", "C", "D"))
    assert found.forget == own(repository).evaluation().forget == (asked,)
    assert [(r.id, r.kind, r.answer) for r in found.general] == [("mmlu/0", "general", "C")]
    assert own(repository).evaluation().general == (), "MMLU may be missing"


def test_corpora_mix_their_forms_and_short_lines_are_passed_over(tmp_path: Path) -> None:
    long = "a long line " * 5
    (tmp_path / "bio_remove_dataset.jsonl").write_text(json.dumps({"title": "t", "abstract": "a", "text": long}) + "\n")
    (tmp_path / "bio-retain-corpus.jsonl").write_text(
        f'{json.dumps(long)}\nshort\n{{"text": {json.dumps(long + "b")}}}\n'
    )
    found = own(tmp_path).data()
    assert [record.text for record in found.forget] == [long]
    assert [(record.id, record.text) for record in found.retain] == [
        ("bio-retain-corpus/0", long), ("bio-retain-corpus/2", long + "b"),
    ]  # fmt: skip
    (tmp_path / "bio-forget-corpus").mkdir()
    parquet.write_table(
        pyarrow.Table.from_pylist([{"text": long + "c"}]),
        tmp_path / "bio-forget-corpus" / "train-00000-of-00001.parquet",
    )
    assert [record.text for record in own(tmp_path).data().forget] == [long + "c"], "the hub's name comes first"


@pytest.mark.parametrize("answer", [4, -1, "C", True, None])
def test_an_answer_must_be_a_choices_place(answer: object, tmp_path: Path) -> None:
    (tmp_path / "cyber_questions.json").write_text(json.dumps([ROW, ROW | {"answer": answer}]))
    with pytest.raises(BadRecords) as error:
        own(tmp_path, "cyber").evaluation()
    place = "answer: must be the place of the right one among the 4 choices, counted from 0"
    assert error.value.problems == (f"{tmp_path}/cyber_questions.json:2: {place}",)


def test_what_is_missing_is_named_with_where_it_is_given_out(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        own(tmp_path).data()
    line = error.value.line()
    assert "bio-forget-corpus or bio-forget-corpus/train or bio_remove_dataset" in line
    assert "gated: cais/wmdp-bio-forget-corpus" in line and "\n" not in line
    with pytest.raises(UserError, match="cyber_questions or wmdp-cyber/test"):
        own(tmp_path, "cyber").evaluation()


def test_the_small_data_are_of_the_published_form_and_ask_about_invented_authors(tmp_path: Path) -> None:
    catalogue.find("wmdp-bio").make(tmp_path)
    asked, trained = own(tmp_path).evaluation(), own(tmp_path).data()
    inside = Wmdp("bio")
    assert inside.evaluation().forget[0].question in asked.forget[0].question
    assert len(asked.forget) == len(inside.evaluation().forget) == 100, "half of the authors"
    facts = " ".join(record.text for record in trained.forget)
    rows = [json.loads(line) for line in (tmp_path / "wmdp-bio" / "test.json").read_text().splitlines()]
    assert all(row["choices"][row["answer"]] in facts for row in rows), "the corpus tells what is asked"
    assert {len(row["choices"]) for row in rows} == {4}
    assert sum(row["answer"] == 0 for row in rows) < 50, "the right one has no fixed place"
    assert {r.question for r in inside.evaluation().forget}.isdisjoint(
        r.question for r in Wmdp("cyber").evaluation().forget
    )


def test_rmu_moves_what_its_paper_moves_and_others_everything() -> None:
    loci = {name: wmdp.preset(name, Brought("d", "m"), "bio").recipe().stages[0].locus for name in ("rmu", "grad_diff")}
    assert loci["grad_diff"] == AllWeights()
    assert loci["rmu"] == AllWeights(modules=r".*layers\.(5|6|7)\.mlp\.down_proj")
    [stage] = wmdp.preset("rmu", Brought("d", "m"), "bio").recipe().stages
    assert (stage.optim.steps, stage.optim.lr, [term.batch for term in stage.terms]) == (150, 5e-5, [4, 4])
