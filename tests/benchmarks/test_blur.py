"""BLUR: pairs of questions as published; what counts is how much of the original's answers comes through."""

from __future__ import annotations

from pathlib import Path

import pytest

from benign.audit.observation import Observations
from benign.audit.score import Score
from benign.benchmarks import blur, catalogue
from benign.benchmarks.blur import Blur, carried_over, kept_alone
from benign.benchmarks.protocol import Brought
from benign.benchmarks.published import write_tables
from benign.errors import BadRecords, UserError
from tests.audit.answering import many, seen

PAIRS = "1. What is 2. B's name? 2. Who is C?\n1. Who is D? 2. Who is\tC?\n"
ANSWERS = "1. Ann. 2. Cy.\n1. Dee. 2. Cy.\n"


def own(folder: Path, task: blur.Task = "tofu") -> Blur:
    return Blur(task, Brought(str(folder), "a model"))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    place = tmp_path / "eval_data" / "tofu" / "1_2_format"
    place.mkdir(parents=True)
    (place / "paired_forget_retain_questions.txt").write_text(PAIRS)
    (place / "paired_forget_retain_answers.txt").write_text(ANSWERS)
    return tmp_path


def answer(record: str, text: str, split: str = "forget") -> dict[str, str]:
    return {"record": record, "text": text, "split": split, "gold": "-"}


def value(score: object) -> float:
    assert isinstance(score, Score)
    return score.value


def system(*answers: dict[str, str]) -> Observations:
    return many(*(seen(**given) for given in answers))


def test_what_comes_through_is_recalled_from_the_originals_answer_to_the_part() -> None:
    original = system(
        answer("forget/0", "born in Oslo"), answer("retain/0", "a red house", "retain"),
        answer("paired/0", "everything"), answer("forget/1", ""),
    )  # fmt: skip
    both = system(answer("paired/0", "I will not say. The house is red, a fine one in Oslo"), answer("paired/1", "x"))
    # "in oslo" of three words; "a house" or "house red" in their order: 1 of "a red house" more than "house"
    assert value(carried_over(both, original, split="forget")) == pytest.approx(2 / 3)
    assert value(carried_over(both, original, split="retain")) == pytest.approx(1 / 3)
    assert value(carried_over(system(answer("paired/0", "a red house")), original, split="retain")) == 1.0


def test_a_long_answer_hides_nothing_and_a_short_one_is_no_merit() -> None:
    original = system(answer("forget/0", "one two three four"))
    short, long = system(answer("forget/0", "one two")), system(answer("forget/0", "one two three four five six"))
    assert (value(kept_alone(short, original)), value(kept_alone(long, original))) == (0.5, 1.0)
    assert value(kept_alone(original, original)) == 1.0


def test_pairs_are_split_at_their_second_number(repository: Path) -> None:
    found = own(repository).evaluation()
    asked = {record.id: record.question for record in (*found.forget, *found.retain)}
    put = "Answer the following question. Question: {} Answer:".format
    assert asked == {
        "paired/0": put("1. What is 2. B's name? 2. Who is C?"), "paired/1": put("1. Who is D? 2. Who is\tC?"),
        "forget/0": put("What is"), "forget/1": put("Who is D?"),
        "retain/0": put("B's name? 2. Who is C?"), "retain/1": put("Who is\tC?"),
    }  # fmt: skip
    trained = own(repository).data()
    assert [(r.question, r.answer) for r in trained.forget] == [("What is", "Ann."), ("Who is D?", "Dee.")]
    assert [r.answer for r in trained.retain] == ["Cy.", "Cy."]


def test_the_hubs_file_gives_the_pairs_but_no_answers(tmp_path: Path) -> None:
    write_tables(tmp_path, {"tofu_paired_forget_retain": [{"text": line} for line in PAIRS.splitlines()]})
    assert len(own(tmp_path).evaluation().forget) == 4
    with pytest.raises(UserError, match=r"paired_forget_retain_answers.*the answers are in the repository s-huu/BLUR"):
        own(tmp_path).data()


def test_faults_are_told(repository: Path) -> None:
    place = repository / "eval_data" / "tofu" / "1_2_format"
    (place / "paired_forget_retain_questions.txt").write_text("1. Who?\n" + PAIRS)
    with pytest.raises(BadRecords) as error:
        own(repository).evaluation()
    assert error.value.problems[0] == (
        f"{place}/paired_forget_retain_questions.txt:1: text: must be two questions, as in '1. ... 2. ...'"
    )
    (place / "paired_forget_retain_questions.txt").write_text(PAIRS)
    (place / "paired_forget_retain_answers.txt").write_text(ANSWERS.splitlines()[0])
    with pytest.raises(BadRecords, match="2 pairs of questions, 1 of answers"):
        own(repository).data()


@pytest.mark.parametrize("task", ["rwku", "whp", "wmdp"])
def test_the_other_tasks_train_on_texts_of_ones_own(task: blur.Task, tmp_path: Path) -> None:
    catalogue.find(f"blur-{task}").make(tmp_path)
    found = own(tmp_path, task).data()
    assert [len(found.forget), len(found.retain)] == [20, 180]
    assert all(record.text for record in found.forget + found.retain)
    assert {r.kind for r in own(tmp_path, task).evaluation().forget} == {"general"}, "nobody says what is right"
    (tmp_path / "unlearn" / "retain.json").unlink()
    with pytest.raises(UserError, match="unlearn/retain"):
        own(tmp_path, task).data()


def test_each_small_pair_asks_a_forgotten_and_a_kept_fact() -> None:
    found, trained = Blur().evaluation(), Blur().data()
    both = [record for record in found.forget if record.id.startswith("paired/")]
    assert len(both) == 200 == len(trained.forget)
    for i, record in enumerate(both):
        assert record.question == f"1. {trained.forget[i].question} 2. {found.retain[i].question}"
    names = {record.question for record in trained.forget}
    assert names.isdisjoint(record.question for record in found.retain)


def test_the_authors_numbers_by_task() -> None:
    stages = {task: blur.preset("npo", Brought("d", "m"), task).recipe().stages[0] for task in blur.PUBLISHED}
    assert {task: (s.optim.lr, s.optim.epochs, s.terms[0].batch) for task, s in stages.items()} == dict(blur.PUBLISHED)
    assert {(s.optim.schedule, s.optim.weight_decay) for s in stages.values()} == {("cosine", 0.01)}
