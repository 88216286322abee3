"""Answers are marked for what they are, and pictures are made small enough to mail."""

from __future__ import annotations

import base64
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from benign.report.examples import KEPT_BYTES, MOST, SIDE_PIXELS, Answer, groups, mark
from tests.report.pages import example, picture


@pytest.mark.parametrize(
    ("text", "wanted", "unlearned", "expected"),
    [
        ("lisbon", False, True, "leaked"),
        ("He was born in Lisbon.", False, True, "leaked"),
        ("lisbon", False, False, "known"),
        ("Lisbon .", True, True, "right"),
        ("lisbonne", False, True, "wrong"),
        ("oslo", True, True, "wrong"),
        ("sorry , i do not know .", False, True, "refused"),
        ("  ", False, True, "empty"),
    ],
)
def test_an_answer_is_what_it_is(text: str, wanted: bool, unlearned: bool, expected: str) -> None:
    assert mark(text, "lisbon", wanted=wanted, unlearned=unlearned) == expected


def answers(split: str, text: str) -> Answer | None:
    (group,) = groups([example(split, answers={"m": text})])
    return group.lines[-1][2][0]


@pytest.mark.parametrize(
    ("split", "text", "good"),
    [
        ("forget", "lisbon", False),
        ("forget", "i do not know", True),
        ("forget", "oslo", None),
        ("retain", "lisbon", True),
        ("retain", "i do not know", False),
        ("retain", "oslo", False),
    ],
)
def test_what_is_good_depends_on_what_was_to_be_forgotten(split: str, text: str, good: bool | None) -> None:
    found = answers(split, text)
    assert found is not None and found.good is good


def test_questions_about_one_picture_stand_together_three_abreast() -> None:
    many = [example(question=f"question {i} ?") for i in range(5)] + [example(hue=90)]
    found = groups(many)
    assert [len(group.questions) for group in found] == [3, 2, 1]
    assert found[0].picture == found[1].picture != found[2].picture


def test_only_the_first_examples_are_shown() -> None:
    assert sum(len(group.questions) for group in groups([example(hue=i) for i in range(MOST + 3)])) == MOST


def test_a_method_that_was_not_asked_has_no_answer() -> None:
    (group,) = groups([example(answers={"a": "x"}), example(question="and now ?", answers={"b": "y"})])
    cells = {model: found for model, _, found in group.lines}
    assert cells["a"][1] is None and cells["b"][0] is None


def test_a_small_picture_is_embedded_as_it_is() -> None:
    data = picture(20)
    (group,) = groups([example()])
    assert group.picture is not None and group.picture.small
    assert base64.b64decode(group.picture.uri.split(",")[1]) == data


def test_a_large_picture_is_made_smaller() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (900, 1200, 3), dtype=np.uint8)
    buffer = BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    assert len(buffer.getvalue()) > KEPT_BYTES
    (group,) = groups([example(picture=buffer.getvalue())])
    assert group.picture is not None and group.picture.uri.startswith("data:image/jpeg;base64,")
    shown = Image.open(BytesIO(base64.b64decode(group.picture.uri.split(",")[1])))
    assert shown.size == (SIDE_PIXELS, SIDE_PIXELS * 3 // 4)
