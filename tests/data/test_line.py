from __future__ import annotations

import pytest

from benign.data.line import Line, described


def line(**raw: object) -> Line:
    return Line("f.jsonl:3", raw)


def test_null_counts_as_not_given() -> None:
    one = line(a=None)
    assert (one.has("a"), one.text("a"), one.texts("a"), one.choice("a", ("x",))) == (False, "", (), "")
    assert one.problems == []


def test_good_values_come_back_as_they_are() -> None:
    one = line(a=" x\n", b=["y", " z "], c="u")
    assert (one.text("a"), one.texts("b"), one.choice("c", ("u", "v"))) == (" x\n", ("y", " z "), "u")
    assert one.problems == []


def test_whole_number_is_an_identifier_and_a_truth_value_is_not() -> None:
    assert line(id=17).identifier("id") == "17"
    one = line(id=True)
    assert one.identifier("id") == ""
    assert one.problems == ["f.jsonl:3: id: must be text, not true or false"]


@pytest.mark.parametrize(("raw", "state"), [({}, "missing"), ({"id": None}, "missing"), ({"id": " "}, "empty")])
def test_identifier_must_be_given(raw: dict[str, object], state: str) -> None:
    one = line(**raw)
    one.identifier("id")
    assert one.problems == [f"f.jsonl:3: id: {state}"]


def test_each_entry_of_a_list_is_checked() -> None:
    one = line(a=["good", 3, "\ud800"], b="words", c=["ok", " "])
    for name in "abc":
        one.texts(name)
    assert one.problems == [
        "f.jsonl:3: a: entry 2: must be text, not a number",
        "f.jsonl:3: a: entry 3: holds half of a surrogate pair",
        "f.jsonl:3: b: must be a list, not text",
        "f.jsonl:3: c: entry 2: empty",
    ]


def test_choice_lists_the_known_words_and_not_the_given_one() -> None:
    one = line(kind="Zorblax")
    assert one.choice("kind", ("memory", "general")) == ""
    assert one.problems == ["f.jsonl:3: kind: must be one of memory, general"]


def test_faulty_remembers_the_fields() -> None:
    one = line(a=1, b="x")
    one.text("a")
    one.text("b")
    assert one.faulty == {"a"}


def test_kinds_of_values_are_named_without_the_value() -> None:
    values = ["x", True, 1, 1.5, [], {}, None, b"x"]
    names = ["text", "true or false", "a number", "a number", "a list", "an object", "null", "another type"]
    assert [described(value) for value in values] == names
