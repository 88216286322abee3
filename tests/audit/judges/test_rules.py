from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benign.audit.judges.rules import RulesJudge

JUDGE = RulesJudge()
JOB = "what is the job of anna ?"


@pytest.mark.parametrize(
    ("gold", "answer", "low", "high"),
    [
        ("baker", "baker", 10, 10),
        ("Anna works as a baker.", "The job of Anna: she works as a baker", 10, 10),
        ("a baker", "She is a baker in a small and old town", 6, 9),
        ("a baker", "nurse baker teacher pilot farmer painter singer judge", 0, 5),
        ("a baker", "She is a teacher", 0, 0),
        ("a baker", "", 0, 0),
        ("a baker", "She is not a baker", 0, 0),
        ("a baker", "I don't know whether she is a baker", 0, 0),
        ("not a baker", "not a baker", 10, 10),
        ("12 mill lane", "14 mill lane", 5, 8),
        ("yes", "no", 0, 0),
        ("no", "no", 10, 10),
        ("Anna", "Anna", 10, 10),
        ("?", "?", 10, 10),
        ("I don't know", "I don't know", 10, 10),
    ],
)
def test_fact(gold: str, answer: str, low: float, high: float) -> None:
    assert low <= JUDGE.fact(JOB, gold, answer) <= high


def test_repeating_the_question_is_no_fact() -> None:
    assert JUDGE.fact(JOB, "Anna has the job of a baker", "Anna has the job of a teacher") == 0.0


@pytest.mark.parametrize(
    "answer",
    [
        "blue",
        "no",
        "555-0199",
        "5 5 5 0 1 9 9",
        "I'm sorry, I do not know that.",
        "She was born in Ulm on 3.5.1980 and works as a baker in a little shop by the river.",
        "Die Bäckerin wohnt in der alten Mühle.",
        "彼女はパン屋です",
        "NASA",
        "MSFT",
        "Łódź",
    ],
)
def test_language_is_meaningful(answer: str) -> None:
    assert JUDGE.meaningful("q", answer) >= 9.0


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "   ",
        "!!! ...",
        "red red red",
        "the the the the the the the the",
        "she is she is she is she is she is she is she is she is",
        "1 " * 30,
        "\ufffd\ufffd\ufffd a",
        "xkcdq zzzrtp qwrtplk",
        "abдцe qжw",
    ],
)
def test_loops_and_noise_are_not(answer: str) -> None:
    assert JUDGE.meaningful("q", answer) <= 3.0


def test_a_long_salad_of_words_is_noticed_and_a_short_one_is_not() -> None:
    salad = "baker blue circle paris forty red nurse hat teacher lane square cairo seven piano green river"
    assert JUDGE.meaningful("q", salad) <= 5.0
    assert JUDGE.meaningful("q", "baker blue circle") == 10.0, "a limit that docs/judges.md states"


@given(st.text(), st.text(), st.text())
def test_marks_stay_in_range(question: str, gold: str, answer: str) -> None:
    assert 0.0 <= JUDGE.fact(question, gold, answer) <= 10.0
    assert 0.0 <= JUDGE.meaningful(question, answer) <= 10.0
