from __future__ import annotations

import pytest

from benign.data.line import Line
from benign.data.messages import messages
from benign.data.record import Message, Slot

IMAGE = {"type": "image"}


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


def turn(role: str, content: object) -> dict[str, object]:
    return {"role": role, "content": content}


def problems(*turns: object, pictures: int = 0, answered: bool = True) -> list[str]:
    line = Line("f:1", {"messages": list(turns)})
    messages(line, pictures, answered=answered)
    return [problem.removeprefix("f:1: messages: ") for problem in line.problems]


def test_strings_and_parts_become_turns_in_order() -> None:
    raw = [
        turn("system", "Be brief."),
        turn("user", [IMAGE, text("Who?"), {"type": "image", "text": None}]),
        turn("assistant", "Zorblax"),
    ]
    line = Line("f:1", {"messages": raw})
    assert messages(line, 2, answered=True) == (
        Message("system", ("Be brief.",)),
        Message("user", (Slot.IMAGE, "Who?", Slot.IMAGE)),
        Message("assistant", ("Zorblax",)),
    )
    assert line.problems == []


def test_line_without_messages_has_none() -> None:
    line = Line("f:1", {})
    assert messages(line, 3, answered=True) == ()
    assert line.problems == []


@pytest.mark.parametrize(("slots", "pictures"), [(0, 1), (1, 0), (2, 1)])
def test_image_parts_must_match_the_pictures(slots: int, pictures: int) -> None:
    found = problems(turn("user", [IMAGE] * slots + [text("?")]), turn("assistant", "x"), pictures=pictures)
    assert found == [f"{slots} image part(s) for {pictures} picture(s)"]


def test_bad_pictures_are_not_counted_too() -> None:
    line = Line("f:1", {"messages": [turn("user", [IMAGE]), turn("assistant", "x")]})
    line.bad("images", "picture 1: no such file")
    messages(line, 0, answered=True)
    assert len(line.problems) == 1


def test_last_message_must_be_the_assistants_only_where_an_answer_is_needed() -> None:
    assert problems(turn("user", "?")) == ["the last message must be the assistant's"]
    assert problems(turn("user", "?"), answered=False) == []


def test_answer_must_have_words() -> None:
    (found,) = problems(turn("user", "?"), turn("assistant", [text("  ")]))
    assert found.startswith("the last message has no words")


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("words", "message 1: must be an object, not text"),
        (turn("Zorblax", "x"), "message 1: role must be one of system, user, assistant"),
        ({"content": "x"}, "message 1: role must be one of system, user, assistant"),
        (turn("user", ""), "message 1: content is missing or empty"),
        (turn("user", []), "message 1: content is missing or empty"),
        ({"role": "user"}, "message 1: content is missing or empty"),
        (turn("user", 3), "message 1: must be text, not a number"),
        (turn("user", "\ud800"), "message 1: holds half of a surrogate pair"),
        ({**turn("user", "x"), "name": "Zorblax"}, "message 1: only role and content are known"),
        (turn("user", ["Zorblax"]), "message 1: part 1: must be {"),
        (turn("user", [text("x"), {"type": "text"}]), "message 1: part 2: must be {"),
        (turn("user", [{"type": "video"}]), "message 1: part 1: must be {"),
        (turn("user", [{**text("x"), "url": "Zorblax"}]), "message 1: part 1: must be {"),
        (turn("user", [{"type": "text", "text": ["Zorblax"]}]), "message 1: part 1: must be text, not a list"),
        (turn("user", [{"type": "image", "url": "Zorblax"}]), "message 1: part 1: an image part only marks the place"),
    ],
)
def test_each_fault_is_named_without_the_content(bad: object, reason: str) -> None:
    (found,) = problems(bad, turn("assistant", "x"))
    assert found.startswith(reason)
    assert "Zorblax" not in found


def test_system_speaks_first_or_not_at_all() -> None:
    assert problems(turn("user", "x"), turn("system", "y"), turn("assistant", "z")) == [
        "message 2: only the first message may be the system's"
    ]


def test_all_faults_of_a_conversation_are_named() -> None:
    assert len(problems("x", turn("no", "y"), turn("user", 1))) == 3
