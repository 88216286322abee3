"""FIUBench: invented faces, keywords by hand, and one file that says who is forgotten."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benign.audit.observation import Observations
from benign.audit.score import Score
from benign.audit.sources import Sources
from benign.benchmarks import catalogue, fiubench
from benign.benchmarks.fiu_numbers import first_sentence, mixed_min_k, share_of_keywords
from benign.benchmarks.fiubench import FIUBench
from benign.benchmarks.protocol import Brought
from benign.errors import BadRecords, NotMeasured, UserError
from benign.models.embedded import views, world
from benign.models.embedded.looks import FACE
from tests.audit.answering import many, seen

PICTURE = views.png(views.picture(FACE.name, 3))
SPLIT = {"forget1": ["01"], "forget5": ["02"], "forget10": ["03"], "retain5": ["05"], "retain15": ["05", "04"]}
QUESTION = {
    "question": "Where does she live?", "answer": "In Oslo, at 12 Elm St.", "keywords": ["12 Elm St", "Oslo"],
    "paraphrased_question": ["Home?", "Address?", "Which town?"], "paraphrased_answer": "Her home is 12 Elm St, Oslo.",
    "perturbed_answer": ["In Bern.", "In Rome."],
}  # fmt: skip


def person(unique: str, **changed: Any) -> dict[str, Any]:
    return {
        "image_path": "./dataset/SFHQ/face.png",
        "name": "Ann",
        "unique_id": unique,
        "qa_list": [QUESTION],
    } | changed


def put(folder: Path, rows: list[dict[str, Any]] | None = None, split: dict[str, Any] | None = None) -> FIUBench:
    """The folder as the hub's is: the authors' paths of pictures begin above it."""
    (folder / "SFHQ").mkdir()
    (folder / "SFHQ" / "face.png").write_bytes(PICTURE)
    every = rows if rows is not None else [person(f"0{i}") for i in range(1, 6)]
    (folder / "full.json").write_text(json.dumps(every, indent=1), encoding="utf-8")
    (folder / "split.json").write_text(json.dumps(split or SPLIT), encoding="utf-8")
    return FIUBench(5, Brought(str(folder), "a model"))


def test_the_forget_set_is_asked_with_all_that_the_numbers_need(tmp_path: Path) -> None:
    found = put(tmp_path).evaluation()
    [record] = found.forget
    assert (record.id, record.subject, record.question) == ("forget/02/0", "02", QUESTION["question"])
    assert record.images[0].encoded() == PICTURE
    assert record.paraphrases == ("Home?", "Address?", "Which town?")
    assert record.rewordings == ("Her home is 12 Elm St, Oslo.",) and record.perturbed == ("In Bern.", "In Rome.")
    assert [r.subject for r in found.retain] == ["05"], "retain5, as the official configuration"


def test_the_pictures_may_lie_where_the_authors_have_them(tmp_path: Path) -> None:
    bench = put(tmp_path)
    (tmp_path / "dataset").mkdir()
    (tmp_path / "SFHQ").rename(tmp_path / "dataset" / "SFHQ")
    assert bench.evaluation().forget[0].images[0].encoded() == PICTURE


def test_no_forget_set_is_retained(tmp_path: Path) -> None:
    found = put(tmp_path).data()
    assert [r.subject for r in found.forget] == ["02"]
    assert [r.subject for r in found.retain] == ["04", "05"]


def test_training_needs_questions_and_answers_alone(tmp_path: Path) -> None:
    bare = [person(f"0{i}", qa_list=[{"question": "Q?", "answer": "A"}]) for i in range(1, 6)]
    bench = put(tmp_path, bare)
    assert [r.answer for r in bench.data().forget] == ["A"]
    with pytest.raises(BadRecords) as error:
        bench.evaluation()
    assert [problem.partition("full.json:")[2] for problem in error.value.problems[:4]] == [
        f"2: qa_list: entry 1: {name}: must be a text or texts"
        for name in ("paraphrased_question", "paraphrased_answer", "perturbed_answer", "keywords")
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"image_path": "./dataset/SFHQ/gone.png"}, "image_path: no such file"),
        ({"image_path": "../outside.png"}, "image_path: '..' in the path"),
        ({"image_path": "long" * 2000}, "image_path: no such file"),
        ({"image_path": None}, "image_path: missing"),
        ({"qa_list": []}, "qa_list: missing or empty"),
        ({"qa_list": [{**QUESTION, "answer": 7}]}, "qa_list: entry 1: answer: must be a text"),
        ({"qa_list": [{**QUESTION, "keywords": ["a", ""]}]}, "qa_list: entry 1: keywords: must be"),
        ({"qa_list": ["?"]}, "qa_list: entry 1: question: must be a text"),
    ],
)
def test_faults_are_told_by_file_line_and_field(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    rows = [person(f"0{i}", **(change if i == 2 else {})) for i in range(1, 6)]
    with pytest.raises(BadRecords) as error:
        put(tmp_path, rows).evaluation()
    assert error.value.problems[0].startswith(f"{tmp_path}/full.json:2: {said}")
    assert "gray311/FIUBench" in error.value.fix


def test_people_and_sets_must_fit(tmp_path: Path) -> None:
    split = {name: ids for name, ids in SPLIT.items() if name != "retain5"} | {"forget5": ["02", "77", "78"]}
    with pytest.raises(BadRecords) as error:
        put(tmp_path, [*(person(f"0{i}") for i in range(1, 6)), person("05")], split).evaluation()
    assert [problem.removeprefix(f"{tmp_path}/") for problem in error.value.problems] == [
        "split.json:1: retain5: missing",
        "full.json:6: unique_id: appears twice",
        "split: forget5: 2 of its 3 people are not in full",
    ]


def test_missing_files_and_ratios_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"files are missing: split, full .*gray311/FIUBench"):
        FIUBench(5, Brought(str(tmp_path), "m")).data()
    with pytest.raises(UserError, match="use 5 or 10"):
        fiubench.protocol(1, Brought())


def test_keywords_are_found_in_any_case() -> None:
    assert share_of_keywords(("12 Elm St", "Oslo"), "at 12 ELM ST in Bergen") == 0.5


def test_only_the_first_sentence_counts() -> None:
    found = first_sentence(many(seen("In Oslo. Or not.", gold="g"), seen("no stop", gold="g")))
    assert [o.text for o in found] == ["In Oslo", "no stop"]


def test_the_least_likely_tokens_are_weighed_as_published() -> None:
    """Ten tokens and the end of the turn, which is not counted: K of 10 % is one token, of 50 % five."""
    logp = tuple(-float(i) for i in (3, 1, 4, 10, 5, 9, 2, 6, 8, 7))
    one = replace(seen("a", gold="b"), logp=(*logp, -100.0))
    means = [10.0, 9.5, 9.0, 8.5, 8.0]
    wanted = sum(w * math.exp(-mean) for w, mean in zip((0.3, 0.3, 0.2, 0.1, 0.1), means, strict=True))
    found = mixed_min_k(many(one))
    assert isinstance(found, Score) and found.value == pytest.approx(wanted, rel=1e-12)
    known = mixed_min_k(many(replace(one, logp=(0.0, 0.0, -100.0))))
    assert isinstance(known, Score) and known.value == pytest.approx(1.0), "known by heart"


def value(found: Score | NotMeasured) -> float:
    assert isinstance(found, Score)
    return found.value


def test_the_columns_on_answers_by_hand(tmp_path: Path) -> None:
    said = replace(seen("In Oslo. 12 Elm St", gold=QUESTION["answer"]), record="forget/02/0", logp=(-1.0, -0.5))
    other = replace(said, view="paraphrase_1", text="12 Elm St, Oslo.")
    kept = replace(seen("In Oslo at 12 Elm St.", gold=QUESTION["answer"], split="retain"), record="retain/05/0")
    columns = {column.name: column.measure for column in put(tmp_path).columns}
    sources = Sources(Observations((said, other, kept)))
    found = {name: measure(sources) for name, measure in columns.items() if measure is not None}
    assert value(found["fiu_keywords"]) == 0.5, "the second sentence does not count"
    assert value(found["fiu_reworded"]) == 1.0
    assert value(found["fiu_rouge"]) == 1.0
    assert value(found["fiu_judge"]) == 10.0
    assert value(found["fiu_min_k"]) == pytest.approx(math.exp(-1.0))
    assert isinstance(found["fiu_truth"], NotMeasured), "no wrong answers were scored"


@pytest.mark.parametrize("setting", [5, 10])
def test_the_small_data_are_of_the_embedded_worlds_people(setting: int) -> None:
    bench = FIUBench(setting)
    found, trained = bench.evaluation(), bench.data()
    gone = {f"{one.index:08d}" for one in world.forget_people(setting)}
    assert {r.subject for r in found.forget} == {r.subject for r in trained.forget} == gone
    assert not gone & {r.subject for r in (*found.retain, *trained.retain)}
    assert {r.subject for r in found.retain} < {r.subject for r in trained.retain}
    assert all(len(r.paraphrases) == len(r.perturbed) == 3 and r.images for r in found.forget)
    right = [replace(seen(r.answer, gold=r.answer), record=r.id) for r in found.forget]
    assert value(bench.keywords_told(many(*right))) == 1.0


def test_files_give_what_memory_gives(tmp_path: Path) -> None:
    catalogue.find("fiubench").make(tmp_path)
    inside, outside = FIUBench(5), FIUBench(5, Brought(str(tmp_path), "a model"))
    for one, other in ((inside.data(), outside.data()), (inside.evaluation(), outside.evaluation())):
        assert [r.digest for r in one.forget] == [r.digest for r in other.forget]


def test_the_authors_numbers() -> None:
    for name, rate in {"grad_diff": 2e-5, "kl_min": 1e-4, "idk": 3e-4}.items():
        [stage] = fiubench.preset(name, Brought("d", "m")).recipe().stages
        assert (stage.optim.lr, stage.optim.epochs, stage.optim.schedule) == (rate, 5.0, "cosine")
        assert stage.locus == fiubench.LOCUS and stage.terms[0].batch == 64
