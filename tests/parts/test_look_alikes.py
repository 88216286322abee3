"""Look-alikes: what is blended with what, how much of each, and which questions are left out."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from benign.data.blend import blended
from benign.data.images import open_image
from benign.data.record import Data, ImageRef, Record
from benign.errors import UserError
from benign.parts.targets import Context
from benign.parts.targets.look_alikes import LookAlikes

FACE, SCAN = "who is this ?", "whose scan is this ?"


def grey(level: int, side: int = 4) -> ImageRef:
    content = BytesIO()
    Image.new("RGB", (side, side), (level, level, level)).save(content, "PNG")
    return ImageRef(data=content.getvalue())


def level(image: ImageRef) -> float:
    return float(np.asarray(open_image(image)).mean())


FORGET = (
    Record("ann/name", "ann", (grey(0),), FACE, "Ann."),
    Record("ann/town", "ann", (grey(0),), "where ?", "Oslo."),
    Record("ann/scan", "ann", (grey(10),), SCAN, "glaucoma"),
    Record("ann/text", "ann", (), "where does ann live ?", "Oslo."),
)
STRANGERS = (
    Record("s1", "", (grey(100),), FACE),
    Record("s2", "", (grey(200),), "where ?"),
    Record("s3", "", (grey(250),), SCAN),
)


def context(data: Data, seed: int = 0, said: str = "elsewhere") -> Context:
    return Context(data, seed, lambda records: [said for _ in records])


def test_a_blend_has_so_much_of_each() -> None:
    assert level(blended(grey(0), grey(200, side=9), 0.25)) == 50
    assert open_image(blended(grey(0), grey(200, side=9), 0.25)).size == (4, 4)
    assert level(blended(grey(40), grey(200), 0.0)) == 40 and level(blended(grey(40), grey(200), 1.0)) == 200


def test_every_picture_is_blended_with_those_of_its_sort_and_asked_its_own_questions() -> None:
    data = Data(FORGET, strangers=STRANGERS)
    found = LookAlikes(each=30, least=0.5, most=0.6).candidates(FORGET, context(data))
    assert [r.question for r in found].count(FACE) == [r.question for r in found].count("where ?") == 30
    assert [r.question for r in found].count(SCAN) == 30 and len(found) == 90
    assert all(r.answer == "" and r.subject == "" and r.images for r in found)
    faces = [level(r.images[0]) for r in found if r.question == FACE]
    # Half to six tenths of 100 or of 200, on a picture of 0.
    assert all(49 <= value <= 60 or 99 <= value <= 120 for value in faces)
    assert min(faces) < 61 < 98 < max(faces)
    assert all(129 <= level(r.images[0]) <= 155 for r in found if r.question == SCAN)
    assert len({r.id for r in found}) == len(found)


def test_the_seed_draws_and_nothing_else() -> None:
    def pictures(seed: int) -> list[str]:
        made = LookAlikes(each=3).candidates(FORGET, context(Data(FORGET, strangers=STRANGERS), seed))
        return [record.images[0].digest for record in made]

    assert pictures(0) == pictures(0) != pictures(1)


def test_what_is_still_the_person_to_the_original_is_left_out() -> None:
    def original(records: Sequence[Record]) -> list[str]:
        return ["oslo" if r.question == "where ?" and level(r.images[0]) < 70 else "elsewhere" for r in records]

    data = Data(FORGET, strangers=STRANGERS)
    found = LookAlikes(each=30).candidates(FORGET, Context(data, 0, original))
    asked = [level(r.images[0]) for r in found if r.question == "where ?"]
    assert 0 < len(asked) < 30 and min(asked) >= 70
    assert [r.question for r in found].count(FACE) == 30


def test_without_strangers_the_retained_are_blended_and_without_pictures_nothing() -> None:
    few = (Record("bea", "bea", (grey(200),), FACE, "Bea."),)
    (found,) = LookAlikes(each=1, least=0.5, most=0.5).candidates(FORGET[:1], context(Data(FORGET, few=few)))
    assert level(found.images[0]) == 100
    with pytest.raises(UserError, match="no pictures to blend"):
        LookAlikes().candidates(FORGET[3:], context(Data(FORGET, strangers=STRANGERS)))
    with pytest.raises(UserError, match="no pictures to blend"):
        LookAlikes().candidates(FORGET, context(Data(FORGET)))


def test_the_answers_are_the_originals() -> None:
    target, data = LookAlikes(each=1), Data(FORGET, strangers=STRANGERS)
    found = target.candidates(FORGET, context(data))
    assert target.answers(found, [0] * len(found), context(data, said="hm")) == ["hm"] * len(found)
