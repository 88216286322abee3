from __future__ import annotations

from dataclasses import replace

import pytest

from benign.data.line import Placed
from benign.data.record import ImageRef, Message, Record, Slot
from benign.data.splits import KEPT, conflicts, content, repeated_ids

A = Record("a", question="Who?", answer="Zorblax", images=(ImageRef(data=b"1"),))


def rows(name: str, *records: Record) -> list[Placed]:
    return [Placed(f"{name}:{number}", record) for number, record in enumerate(records, 1)]


def test_every_repeated_id_names_the_first() -> None:
    found = list(repeated_ids(rows("f", A, replace(A, id="b"), replace(A, answer="x"), A)))
    assert found == ["f:3: id: the same as at f:1", "f:4: id: the same as at f:1"]


def test_annotations_and_form_do_not_change_the_content() -> None:
    chat = Record(
        "z", subject="x", kind="general", images=A.images,
        messages=(Message("user", (Slot.IMAGE, "Who?")), Message("assistant", ("Zorblax",))),
    )  # fmt: skip
    assert content(chat) == content(A)


@pytest.mark.parametrize(
    "change", [{"question": "Where?"}, {"answer": "x"}, {"images": ()}, {"images": (ImageRef(data=b"2"),)}]
)
def test_whatever_the_model_sees_changes_the_content(change: dict[str, object]) -> None:
    assert content(replace(A, **change)) != content(A)


@pytest.mark.parametrize("split", KEPT)
def test_what_is_forgotten_and_kept_is_named(split: str) -> None:
    kept = rows("k", Record("a", text="other"), Record("b", text="fine"), replace(A, id="c"))
    assert list(conflicts({"forget": rows("f", Record("0", text="0"), A), split: kept})) == [
        f"k:1: id: the same as at f:2, drop it from {split} or from forget",
        f"k:3: record: the same content as at f:2, drop it from {split} or from forget",
    ]


def test_kept_splits_may_overlap_each_other_and_general_the_ids() -> None:
    splits = {"forget": rows("f", A), "general": rows("g", Record("a", text="x"))}
    other = Record("r", text="x")
    assert list(conflicts({**splits, "retain": rows("r", other), "few": rows("w", other)})) == []


def test_forget_picture_is_no_stranger() -> None:
    strangers = rows("s", Record("x", images=(ImageRef(data=b"2"), ImageRef(data=b"1"))), Record("y", subject="y"))
    assert list(conflicts({"forget": rows("f", A), "strangers": strangers})) == [
        "s:1: images: no stranger, the picture is in the forget set at f:1"
    ]
