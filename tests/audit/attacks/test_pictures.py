"""Attacks that change what is shown: other pictures, none, nothing else, and words in a picture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ImageFont

from audit.attacks.scripted import Scripted, brings_back, by_name, by_picture, made, pictured, world
from benign.audit.attacks.image_only import ImageOnly
from benign.audit.attacks.image_rephrasing import ImageRephrasing
from benign.audit.attacks.text_only import TextOnly
from benign.audit.attacks.typographic import MARGIN, Typographic
from benign.audit.views import IMAGE_VIEWS, asked_question
from benign.data.images import open_image
from benign.data.record import Data, Message, Record, Slot
from benign.errors import NotMeasured, UserError

SEEN = by_picture("Bob Stone", "pet")
ASKS = Typographic().prompt


def pixels(record: Record) -> NDArray[np.uint8]:
    return np.asarray(open_image(record.images[-1]))


def test_each_view_is_asked_once() -> None:
    found = ImageRephrasing().rewrite(SEEN)
    assert len(found) == len(IMAGE_VIEWS) == len({r.images[0].digest for r in found})
    assert {(r.question, r.gold) for r in found} == {(SEEN.question, SEEN.gold)}


def test_views_are_chosen_by_name() -> None:
    (found,) = ImageRephrasing(("image_flipped",)).rewrite(SEEN)
    assert np.array_equal(pixels(found), pixels(SEEN)[:, ::-1])
    with pytest.raises(UserError, match="did you mean 'image_flipped'"):
        ImageRephrasing(("flipped",))


def test_a_model_that_only_blocks_the_very_pixels(tmp_path: Path) -> None:
    mirrored = [pixels(record)[:, ::-1] for record in pictured().forget]

    def in_a_mirror(record: Record) -> bool:
        return any(np.array_equal(pixels(record), one) for one in mirrored)

    brings_back(ImageRephrasing(), in_a_mirror, pictured(), tmp_path)


@pytest.mark.parametrize("attack", [ImageRephrasing(), ImageOnly(), TextOnly()])
def test_without_pictures_nothing_is_measured(attack: ImageRephrasing | ImageOnly | TextOnly, tmp_path: Path) -> None:
    found = made(attack, Scripted(lambda r: True), world(), tmp_path)
    assert isinstance(found.score, NotMeasured) and "picture" in found.score.reason


def test_words_alone_and_with_the_name() -> None:
    plain, named = TextOnly().rewrite(SEEN, {"bob": "Bob Stone"})
    assert plain == replace(SEEN, images=())
    assert named == replace(plain, question="This is about Bob Stone. What is the pet of this person?")
    assert len(TextOnly().rewrite(SEEN, {})) == 1


def test_a_model_that_lost_only_the_way_by_the_picture(tmp_path: Path) -> None:
    names = ("Ann Marie Lee", "Bob Stone")

    def named(record: Record) -> bool:
        return not record.images and any(f"about {name}" in asked_question(record) for name in names)

    data = Data(forget=(*pictured().forget, *world().forget))
    found = brings_back(TextOnly(), named, data, tmp_path)
    assert {o.route for o in found.evidence} == {"text"}
    assert {o.record for o in found.evidence} == {record.id for record in pictured().forget}


def test_a_model_that_tells_all_about_a_picture(tmp_path: Path) -> None:
    asks = ImageOnly().prompt
    found = brings_back(ImageOnly(), lambda r: bool(r.images) and asked_question(r) == asks, pictured(), tmp_path)
    assert {o.question for o in found.evidence} == {asks}


def dark(page: NDArray[np.uint8]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (page < 128).all(axis=-1)
    return found


def test_the_words_are_black_on_white_within_the_margin() -> None:
    page = np.asarray(Typographic().written("What is the home town of somebody whose name is rather long?"))
    assert page.shape[1] == 448
    assert (page[:MARGIN] == 255).all() and (page[:, :MARGIN] == 255).all() and (page[:, -MARGIN:] == 255).all()
    assert 0.02 < dark(page).mean() < 0.3


def test_words_are_broken_into_lines_that_fit() -> None:
    attack = Typographic(width=300, size=20)
    text = "a few words that need more than a single line to be written down"
    font = ImageFont.load_default(20)
    least = -(-font.getlength(text) // (300 - 2 * MARGIN))
    lines = (np.asarray(attack.written(text)).shape[0] - 2 * MARGIN) / 26
    assert lines == int(lines) and least <= lines <= least + 1
    assert np.asarray(attack.written("short")).shape == (2 * MARGIN + 26, 300, 3)
    endless = np.asarray(attack.written("w" * 200))
    assert endless.shape == (2 * MARGIN + 26, 300, 3), "a word that fits nowhere is cut"


def test_a_picture_stays_above_its_question() -> None:
    (found,) = Typographic(width=64).rewrite(SEEN)
    assert (found.question, found.gold) == (ASKS, SEEN.gold)
    page, own = pixels(found), pixels(SEEN)
    assert page.shape[1] == 64
    assert np.abs(page[:48:2, ::2].astype(int) - own).mean() < 12, "twice as large as it was"
    assert dark(page[48:]).any() and (page[48 : 48 + MARGIN] == 255).all()
    large = Typographic(width=8).rewrite(SEEN)[0]
    assert np.array_equal(pixels(large)[:24], own), "a picture is never made smaller"


def test_a_question_in_words_gets_a_picture_and_its_place() -> None:
    ann = by_name("Ann Marie Lee", "pet")
    (found,) = Typographic().rewrite(ann)
    assert found.conversation()[0] == Message("user", (Slot.IMAGE, ASKS))
    talk = Record("t", messages=(
        Message("user", ("Hi",)), Message("assistant", ("Yes?",)),
        Message("user", ("Who?",)), Message("assistant", ("x",)),
    ))  # fmt: skip
    (found,) = Typographic().rewrite(talk)
    assert found.messages == (*talk.messages[:2], Message("user", (Slot.IMAGE, ASKS)), talk.messages[3])
    assert len(found.images) == 1
    shown = replace(talk, images=SEEN.images, messages=(Message("user", (Slot.IMAGE, "Who?")), talk.messages[3]))
    (found,) = Typographic().rewrite(shown)
    assert found.messages[0] == Message("user", (Slot.IMAGE, ASKS)) and len(found.images) == 1


def test_a_model_that_reads_what_it_is_shown(tmp_path: Path) -> None:
    attack = Typographic()

    def read(data: Data) -> Any:
        written = [np.asarray(attack.written(record.question)) for record in data.forget]

        def rule(record: Record) -> bool:
            if asked_question(record) != attack.prompt:
                return False
            page = pixels(record)
            return any(np.array_equal(page[-len(one) :], one) for one in written)

        return rule

    for data in (world(), pictured()):
        brings_back(attack, read(data), data, tmp_path / data.digest)


def test_a_model_without_eyes_is_not_shown_pictures(tmp_path: Path) -> None:
    blind = Scripted(lambda record: True)
    blind.model.family = SimpleNamespace(multimodal=False)
    assert made(Typographic(), blind, world(), tmp_path).score == NotMeasured("the model sees no pictures")
