from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from benign.audit import views
from benign.audit.views import ALL_VIEWS, IMAGE_VIEWS, text_only, wrapped
from benign.data.images import open_image
from benign.data.record import ImageRef, Message, Record, Slot


def picture(pixels: np.ndarray) -> ImageRef:
    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(buffer, "PNG")
    return ImageRef(data=buffer.getvalue())


RAMP = np.add.outer(np.arange(20) * 6, np.arange(20) * 6)[..., None] * np.array([1.0, 0.5, 0.25])
RECORD = Record("r", "ann", (picture(RAMP),), "what is it ?", "a ramp")


def pixels(record: Record | None) -> np.ndarray:
    assert record is not None
    return np.asarray(open_image(record.images[0]), np.float64)


@pytest.mark.parametrize("view", IMAGE_VIEWS, ids=lambda view: view.name)
def test_another_picture_of_the_same_thing(view: views.View) -> None:
    seen = view(RECORD)
    assert seen is not None
    assert seen.images[0].digest != RECORD.images[0].digest, "it is another picture"
    assert seen == view(RECORD), "and the same one each time"
    assert (seen.question, seen.answer, seen.id) == (RECORD.question, RECORD.answer, RECORD.id)
    assert pixels(seen).shape == RAMP.shape
    assert view(Record("t", question="q ?", answer="a")) is None


def test_the_mirror_is_a_mirror() -> None:
    assert np.array_equal(pixels(views.flipped(RECORD)), pixels(RECORD)[:, ::-1])


def test_noise_has_the_deviation_that_it_was_given() -> None:
    grey = Record("g", "", (picture(np.full((100, 100, 3), 128.0)),), "q ?", "a")
    off = pixels(views.noisy(grey, 8.0)) - 128
    assert off.std() == pytest.approx(8, rel=0.05)
    assert abs(off.mean()) < 0.2


def test_a_crop_keeps_the_middle_and_loses_the_edge() -> None:
    framed = np.zeros((40, 40, 3))
    framed[2:-2, 2:-2] = 200
    seen = pixels(views.cropped(Record("f", "", (picture(framed),), "q ?", "a"), 0.9))
    assert seen.min() > 150, "the frame of 2 of 40 pixels on each side is outside of the middle 90 percent"


def test_a_light_jpeg_changes_little() -> None:
    assert np.abs(pixels(views.rerendered(RECORD, 95)) - pixels(RECORD)).max() < 12


def test_text_only_leaves_no_picture_and_no_place_for_one() -> None:
    chat = Record("c", images=RECORD.images, messages=(
        Message("user", (Slot.IMAGE, "who?")), Message("assistant", ("ann",)),
    ))  # fmt: skip
    for record in (RECORD, chat):
        seen = text_only(record)
        assert seen is not None
        assert not seen.images
        assert all(part is not Slot.IMAGE for turn in seen.conversation() for part in turn.content)
        assert views.asked_question(seen) == views.asked_question(record)
    assert text_only(Record("t", question="q ?", answer="a")) is None


def test_a_wrapper_stands_around_the_question() -> None:
    seen = wrapped(RECORD, "Say: ", " Now!")
    assert seen is not None
    assert seen.question == "Say: what is it ? Now!"
    assert seen.images == RECORD.images
    assert wrapped(Record("d", text="a document")) is None


def test_every_view_has_a_name_of_its_own() -> None:
    assert len({view.name for view in ALL_VIEWS}) == len(ALL_VIEWS)
    assert not any(view.name.startswith("paraphrase") or view.name == "as_is" for view in ALL_VIEWS)
