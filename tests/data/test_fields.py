from __future__ import annotations

from pathlib import Path

import pytest

from benign.data.fields import record
from benign.data.images import Pictures
from benign.data.line import Line
from benign.data.record import Message, Record


def read(raw: dict[str, object], split: str = "forget", folder: Path = Path("/nowhere")) -> Record | list[str]:
    """The record, or its problems without the place."""
    line = Line("f:1", raw)
    found = record(line, Pictures(folder), split)
    assert (found is None) == bool(line.problems)
    return found or [problem.removeprefix("f:1: ") for problem in line.problems]


def test_every_field_is_read(picture, tmp_path: Path) -> None:
    (tmp_path / "p.png").write_bytes(picture())
    found = read(
        {
            "id": "7", "subject": "Zorblax", "images": ["p.png"], "question": "Who is Zorblax?", "answer": "A baker",
            "kind": "understanding", "paraphrases": ["Zorblax is who?"], "perturbed": ["A judge"],
            "options": ["A judge", "A baker"], "neighbour": "entity",
            "spans": [["question", 7, 14], {"field": "answer", "start": 0, "end": 7}], "rewordings": ["Bakes bread"],
        },
        folder=tmp_path,
    )  # fmt: skip
    assert isinstance(found, Record)
    assert found.images[0].encoded() == picture()
    assert found == Record(
        "7", "Zorblax", found.images, "Who is Zorblax?", "A baker", (), "", "understanding", ("Zorblax is who?",),
        ("A judge",), ("A judge", "A baker"), "entity", (("question", 7, 14), ("answer", 0, 7)), ("Bakes bread",),
    )  # fmt: skip


def test_messages_and_text_are_forms_of_their_own() -> None:
    turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": "!"}]
    assert read({"id": 1, "messages": turns}) == Record(
        "1", messages=(Message("user", ("?",)), Message("assistant", ("!",)))
    )
    assert read({"id": 1, "text": "A document."}) == Record("1", text="A document.")


@pytest.mark.parametrize("empty", [None, "", []])
def test_unused_forms_may_stand_empty_as_in_a_table(empty: object) -> None:
    assert read({"id": 1, "question": "?", "answer": "!", "messages": empty or None, "text": empty or ""})
    assert read({"id": 1, "text": "x", "question": "", "answer": ""}) == Record("1", text="x")


def test_kind_is_the_splits_own_where_not_given(asked) -> None:
    assert [read(asked(), split).kind for split in ("forget", "general")] == ["memory", "general"]
    assert read(asked(kind="memory"), "general").kind == "memory"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"answer": ""}, "answer: empty, give the expected answer or drop the line"),
        ({"answer": " \n"}, "answer: empty, give the expected answer or drop the line"),
        ({"answer": None}, "answer: missing, give the expected answer or drop the line"),
        ({"answer": 5}, "answer: must be text, not a number"),
        ({"question": ""}, "question: empty, give a question, messages or a text"),
        ({"question": "  "}, "question: empty, give a question, messages or a text"),
        ({"question": None}, "question: missing, give a question, messages or a text"),
        ({"question": None, "answer": None}, "question: missing, give a question, messages or a text"),
        ({"text": "x"}, "text: given beside question: a record has one of question, messages, text"),
        ({"question": "", "text": "x"}, "answer: given beside text: it belongs in there"),
        ({"id": None}, "id: missing"),
        ({"subject": ["x"]}, "subject: must be text, not a list"),
        ({"kind": "memories"}, "kind: must be one of memory, understanding, general"),
        ({"neighbour": "near"}, "neighbour: must be one of entity, domain, general"),
        ({"perturbed": ["x", "zorblax quimby "]}, "perturbed: entry 2: is the right answer"),
        ({"perturbed": ["x"], "rewordings": ["x"]}, "rewordings: has the wrong answer that is entry 1 of perturbed"),
        ({"options": ["x", "y"]}, "options: the right answer is not among them"),
        ({"options": ["Zorblax Quimby", "y", "y"]}, "options: one is given twice"),
        ({"options": "Zorblax Quimby"}, "options: must be a list, not text"),
        ({"paraphrases": [""]}, "paraphrases: entry 1: empty"),
        ({"spans": [["question", 0, 13]]}, "spans: entry 1: outside of the question's 12 characters"),
        ({"spans": [["answer", -1, 2]]}, "spans: entry 1: outside of the answer's 14 characters"),
        ({"spans": [["answer", 2, 2]]}, "spans: entry 1: outside of the answer's 14 characters"),
        ({"spans": [["answer", 3, 2]]}, "spans: entry 1: outside of the answer's 14 characters"),
        ({"spans": [["subject", 0, 1]]}, "spans: entry 1: the field must be question or answer"),
        ({"spans": [["answer", 0]]}, "spans: entry 1: must be [field, start, end]"),
        ({"spans": [["answer", "0", 1]]}, "spans: entry 1: must be [field, start, end]"),
        ({"spans": [["answer", False, True]]}, "spans: entry 1: must be [field, start, end]"),
        ({"spans": ["Zorblax"]}, "spans: entry 1: must be [field, start, end]"),
        ({"images": [3]}, "images: picture 1: must be a path or embedded bytes, not a number"),
        ({"images": [{"bytes": None}]}, "images: picture 1: must be a path or embedded bytes, not an object"),
        ({"images": ["zorblax.png"]}, "images: picture 1: no such file"),
        ({"images": "zorblax.png"}, "images: picture 1: no such file"),
        ({"images": {"bytes": b"Zorblax"}}, "images: picture 1: broken, or none of PNG, JPEG, WEBP, BMP, GIF, TIFF"),
        ({"images": {"path": "/z.png"}}, "images: picture 1: absolute path, give one relative to the data folder"),
        ({"anwser": "x"}, "anwser: unknown field, did you mean answer?"),
        ({"prompt": "x"}, "prompt: unknown field, did you mean question?"),
        ({"perturbed_answer": "x"}, "perturbed_answer: unknown field, did you mean perturbed?"),
    ],
)  # fmt: skip
def test_each_fault_is_named_once_and_without_the_content(asked, change: dict[str, object], problem: str) -> None:
    found = read(asked(**change))
    assert found == [problem]
    assert "zorblax" not in problem.lower()


def test_unknown_field_that_resembles_nothing_is_not_quoted(asked) -> None:
    (found,) = read(asked(**{"Zorblax lives in Quimbytown": 1}))
    assert found.startswith("field 4: unknown, the known fields are id, subject, images,")


def test_plain_document_has_no_place_for_pictures(picture, tmp_path: Path) -> None:
    (tmp_path / "p.png").write_bytes(picture())
    found = read({"id": 1, "text": "x", "images": ["p.png"]}, folder=tmp_path)
    assert found == ["images: a plain document has no place for pictures, use messages"]


def test_answer_of_a_conversation_counts_for_options() -> None:
    turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": "yes"}]
    assert read({"id": 1, "messages": turns, "options": ["no"]}) == ["options: the right answer is not among them"]
    assert isinstance(read({"id": 1, "messages": turns, "options": ["no", "yes"]}), Record)


def test_all_faults_of_a_line_are_named(asked) -> None:
    found = read(asked(id="", answer="", kind="x", images=["no.png", "/no.png"], spans=[3]))
    assert [problem.split(":")[0] for problem in found] == ["images", "images", "kind", "id", "spans", "answer"]


def test_stranger_needs_only_a_picture_or_a_name(picture, tmp_path: Path) -> None:
    (tmp_path / "p.png").write_bytes(picture())
    for raw in ({"images": ["p.png"]}, {"subject": "Nobody"}, {"question": "Who is Nobody?"}):
        assert isinstance(read({"id": "s", **raw}, "strangers", tmp_path), Record)
    assert read({"id": "s"}, "strangers") == ["images: missing, a stranger needs a picture or a name"]
    assert read({"id": "s", "answer": "x"}, "strangers") == ["question: missing, give a question, messages or a text"]
