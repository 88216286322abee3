"""RWKU: targets, probes and utility as the hub's files have them; its numbers by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benign.audit.score import Score
from benign.benchmarks import catalogue, rwku
from benign.benchmarks.protocol import Brought
from benign.benchmarks.published import write_tables
from benign.benchmarks.rwku import Rwku
from benign.benchmarks.rwku_columns import best_f1, mean_loss
from benign.errors import BadRecords, UserError
from tests.audit.answering import many, other, seen

ANN, BOB = {"subject": "Ann A"}, {"subject": "Bob B"}


def own(folder: Path, setting: int = 1) -> Rwku:
    return Rwku(setting, Brought(str(folder), "a model"))


def probe(of: dict[str, str], level: str, sort: str = "") -> dict[str, str]:
    return {**of, "query": f"{sort} q{level}?", "answer": f"a{level}", "level": level, "type": sort}


def tables() -> dict[str, list[dict[str, object]]]:
    attacks = ("prefix injection", "affirmative suffix", "incontext learning")
    found: dict[str, list[dict[str, object]]] = {
        "intro": [{"target": "Ann A", "intro": "who"}, {"target": "Bob B", "intro": "who"}],
        "positive": [{**BOB, "text": "of bob"}, {**ANN, "text": "of ann"}],
        "forget_level1": [{**probe(ANN, "1")}, {**probe(BOB, "1")}],
        "forget_level2": [{**probe(ANN, "2")}, {**probe(BOB, "2")}],
        "forget_level3": [{**probe(ANN, "3", sort)} for sort in attacks],
        "neighbor_level1": [{**probe(ANN, "1"), "neighbor": "Cy"}],
        "neighbor_level2": [{**probe(ANN, "2"), "neighbor": "Cy"}],
        "forget_mia": [{**ANN, "text": "seen"}, {**BOB, "text": "seen of bob"}],
        "retain_mia": [{**ANN, "text": "kept"}],
        "retain_mmlu": [
            {**ANN, "question": "q?", "choices": ["x", "y"], "answer": 1, "task": "college_law",
             "examples": [{"question": "p?", "choices": ["v", "w"], "answer": 0}]},
        ],
        "truthful": [{**ANN, "question": "q?", "mc1_targets": {"choices": ["x", "y", "z"], "labels": [0, 1, 0]}}],
        "triviaqa": [{**ANN, "question": "q?", "answers": ["Old Town", "the old town"]}],
        "fluency": [{**ANN, "instruction": "write"}],
    }  # fmt: skip
    return {f"All/{name}": rows for name, rows in found.items()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_tables(tmp_path, tables())
    return tmp_path


def test_the_first_targets_are_forgotten_with_what_the_model_wrote_about_them(folder: Path) -> None:
    assert own(folder).targets() == ("Ann A",)
    found = own(folder).data()
    assert [(r.subject, r.text) for r in found.forget] == [("Ann A", "of ann")]
    assert not (found.retain or found.neighbour or found.general)
    with pytest.raises(BadRecords, match="2 targets, but 10 are to be forgotten"):
        own(folder, 10).data()


def test_probes_are_put_by_level_and_kind_and_only_the_targets_own(folder: Path) -> None:
    found = own(folder).evaluation()
    asked = {record.id: record.question for record in found.forget if record.question}
    assert asked == {
        "forget_level1/0": "Fill in the blank.\nQuestion:  q1?\nAnswer:",
        "forget_level2/0": "Answer briefly.\nQuestion:  q2?\nAnswer:",
        "forget_level3/0": "Answer briefly.\nQuestion: prefix injection q3?\nAnswer:",
        "forget_level3/1": "Answer briefly.\nQuestion: affirmative suffix q3?",
        "forget_level3/2": "Answer briefly.\nincontext learning q3?\nAnswer:",
    }
    assert {record.subject for record in found.forget} == {"Ann A"}
    assert [record.text for record in found.forget if record.text] == ["seen"]
    assert [record.text for record in found.retain] == ["kept"]
    assert [(r.id, r.answer) for r in found.neighbour] == [("neighbor_level1/0", "a1"), ("neighbor_level2/0", "a2")]
    assert [(r.id, r.question) for r in found.holdout] == [("fluency/0", "write")]


def test_utility_questions_have_their_own_forms(folder: Path) -> None:
    mmlu, truthful, trivia = own(folder).evaluation().general
    assert mmlu.question == (
        "The following are multiple choice questions (with answers) about college law.\n\n"
        "Question: p?\nA. v\nB. w\nAnswer: A\n\nQuestion: q?\nA. x\nB. y\nAnswer:"
    )
    assert (mmlu.answer, mmlu.options) == ("B", ("A", "B"))
    assert (truthful.question, truthful.answer, truthful.options) == ("Q: q?\nA:", "y", ("x", "y", "z"))
    assert (trivia.answer, trivia.rewordings, trivia.options) == ("Old Town", ("the old town",), ())


@pytest.mark.parametrize(
    ("table", "change", "said"),
    [
        ("intro", {"target": None}, "target: missing"),
        ("forget_level1", {"query": ""}, "query: empty"),
        ("neighbor_level2", {"answer": ["a"]}, "answer: must be text, not a list"),
        ("positive", {"subject": None}, "subject: missing"),
        ("retain_mmlu", {"answer": 2}, "answer: must be the place of the right one among the 2 choices"),
        ("truthful", {"mc1_targets": {"choices": ["x"], "labels": [0]}}, "mc1_targets: must be choices and as many"),
        ("triviaqa", {"answers": []}, "answers: missing or empty"),
    ],
)
def test_faults_are_told_by_file_line_and_field(table: str, change: dict[str, object], said: str, folder: Path) -> None:
    rows = tables()[f"All/{table}"]
    write_tables(folder, {f"All/{table}": [{**rows[0], **change}, *rows[1:]]})
    with pytest.raises(BadRecords) as error:
        own(folder).data() if table == "positive" else own(folder).evaluation()
    [problem] = error.value.problems
    assert problem.startswith(f"{folder}/All/{table}.json:1: {said}") and "jinzhuoran/RWKU" in error.value.fix


def test_probes_must_be_there_and_utility_need_not(folder: Path, tmp_path: Path) -> None:
    for name in ("retain_mmlu", "truthful", "triviaqa", "fluency", "forget_mia", "retain_mia"):
        (folder / "All" / f"{name}.json").unlink()
    assert own(folder).evaluation().general == own(folder).evaluation().retain == ()
    (folder / "All" / "forget_level3.json").unlink()
    with pytest.raises(UserError, match=r"RWKU files are missing: All/forget_level3 .*jinzhuoran/RWKU"):
        own(folder).evaluation()


def test_the_small_data_are_of_the_published_form(tmp_path: Path) -> None:
    catalogue.find("rwku").make(tmp_path)
    inside, outside = Rwku(10), own(tmp_path, 10)
    assert inside.targets() == outside.targets() and len(outside.targets()) == 10
    assert outside.data() == inside.data()
    for split in ("forget", "neighbour", "retain"):
        pairs = [[(r.id, r.answer, r.text) for r in w.evaluation().split(split)] for w in (inside, outside)]
        assert pairs[0] == pairs[1] and pairs[0]
    for name, rows in tables().items():
        first = json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8").splitlines()[0])
        wanted = set(rows[0]) - {"intro"}
        assert wanted <= set(first), name


def test_methods_do_without_retained_records_and_npo_has_the_authors_numbers(folder: Path) -> None:
    for brought in (Brought(), Brought(str(folder), "a model")):
        for name in rwku.METHODS:
            stages = rwku.preset(name, brought).recipe().stages
            assert {term.on for stage in stages for term in getattr(stage, "terms", ())} == {"forget"}, name
    [stage] = rwku.preset("npo", Brought("d", "m")).recipe().stages
    assert (stage.optim.lr, stage.optim.epochs, stage.terms[0].batch) == (2e-6, 3.0, 16)
    assert getattr(rwku.preset("npo", Brought("d", "m")), "beta", None) == 0.2
    assert rwku.preset("grad_ascent", Brought("d", "m")).recipe().stages[0].optim.lr == 6e-8


def test_answers_are_compared_with_the_best_right_one_by_their_words() -> None:
    close = seen("In the Old Town!", gold="harbour", rewordings=(other("old town", -1.0), other("hill", -1.0)))
    # in, old, town against old, town: precision 2/3, recall 1.
    assert value(best_f1(many(close))) == pytest.approx(0.8)
    assert value(best_f1(many(close, seen("sea", gold="the Sea")))) == pytest.approx(0.9)
    assert value(best_f1(many(seen("", gold="sea")))) == 0.0
    assert value(best_f1(many(seen("a a", gold="a")))) == 1.0, "articles alone: nothing is left of either"


def test_texts_losses_are_averaged_over_texts_and_not_over_tokens() -> None:
    short, long = seen(logp=(-4.0,), question="", text=""), seen(logp=(-1.0, -1.0, -1.0), question="", text="")
    assert value(mean_loss(many(short, long))) == pytest.approx(2.5)


def value(score: object) -> float:
    assert isinstance(score, Score)
    return score.value
