"""Other ways to show a record: without its picture, with another picture of the same thing, inside another prompt.

Each is a function from a record to a record (None where it does not apply) with a name that observations carry. What
is random in one is a function of the record and of the view's number alone.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from PIL.Image import Image as Picture

from benign.data.record import ImageRef, Message, Record
from benign.data.turns import asked_question as asked_question
from benign.data.turns import begun
from benign.data.turns import reworded as reworded


@dataclass(frozen=True)
class View:
    """A way to show a record."""

    name: str
    """What its observations are called."""
    change: Callable[[Record], Record | None]

    def __call__(self, record: Record) -> Record | None:
        """The record seen in this way, or None where the way makes no difference."""
        return self.change(record)


def text_only(record: Record) -> Record | None:
    """The same words without the pictures: what the words alone still bring out."""
    if not record.images:
        return None
    turns = tuple(Message(t.role, tuple(p for p in t.content if isinstance(p, str))) for t in record.messages)
    return replace(record, images=(), messages=turns)


def wrapped(record: Record, before: str = "", after: str = "") -> Record | None:
    """The question inside other words, as they are given, spaces and all."""
    question = asked_question(record)
    return reworded(record, f"{before}{question}{after}") if question else None


def cropped(record: Record, share: float = 0.9) -> Record | None:
    """The middle of each picture, ``share`` of its width and height, brought back to the size it had."""

    def crop(image: Picture, _: str) -> Picture:
        width, height = image.size
        x, y = (1 - share) / 2 * width, (1 - share) / 2 * height
        return image.resize(image.size, box=(x, y, width - x, height - y))

    return _pictured(record, crop)


def flipped(record: Record) -> Record | None:
    """Each picture as in a mirror."""
    from PIL import ImageOps

    return _pictured(record, lambda image, _: ImageOps.mirror(image))


def noisy(record: Record, std: float = 8.0) -> Record | None:
    """Each picture with Gaussian noise of ``std`` grey levels of 255 on every pixel and channel."""
    import numpy as np
    from PIL import Image

    def grain(image: Picture, key: str) -> Picture:
        random = np.random.default_rng(list(hashlib.sha256(f"noise/{key}".encode()).digest()))
        levels = np.asarray(image, np.float32) + random.normal(0, std, (image.height, image.width, 3))
        return Image.fromarray(np.clip(np.rint(levels), 0, 255).astype(np.uint8))

    return _pictured(record, grain)


def rerendered(record: Record, quality: int = 60) -> Record | None:
    """Each picture as it comes out of a messenger: packed as JPEG of this quality and unpacked again."""
    from PIL import Image

    def render(image: Picture, _: str) -> Picture:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality)
        return Image.open(io.BytesIO(buffer.getvalue())).convert("RGB")

    return _pictured(record, render)


def retaken(record: Record, number: int = 1) -> Record | None:
    """Each picture as another camera would have taken it (:func:`benign.data.jitter.jittered`)."""
    from benign.data.jitter import jittered

    return _pictured(record, lambda image, key: jittered(image, key, number))


TEXT_ONLY = View("text_only", text_only)
IMAGE_VIEWS = (
    View("image_cropped", cropped),
    View("image_flipped", flipped),
    View("image_noisy", noisy),
    View("image_rerendered", rerendered),
    View("image_retaken", retaken),
)
"""The same picture in other ways; a memory that only the very pixels bring out is not gone."""
WRAPPED = View("wrapped", lambda record: wrapped(record, "Please answer as well as you can. ", " Answer briefly."))
ALL_VIEWS = (TEXT_ONLY, *IMAGE_VIEWS, WRAPPED)


def beginnings(longest: int = 100, step: int = 5) -> tuple[View, ...]:
    """MEMO's views (arXiv 2409.11844): the answer's beginning, longer by ``step`` characters from view to view and at
    most ``longest``, is given behind the question, and only the rest is expected.

    A record has ceil((its answer's length - 1) / step) of them, the first without a beginning. The beginning stands in
    the user's turn, because not every chat template lets an answer be begun for the model.
    """
    return tuple(View(f"prefix_{length}", partial(begun, length=length)) for length in range(0, longest + 1, step))


def _pictured(record: Record, change: Callable[[Picture, str], Picture]) -> Record | None:
    if not record.images:
        return None
    return replace(record, images=tuple(_changed(image, change) for image in record.images))


def _changed(image: ImageRef, change: Callable[[Picture, str], Picture]) -> ImageRef:
    from benign.data.images import open_image

    buffer = io.BytesIO()
    change(open_image(image), image.digest).save(buffer, "PNG")
    return ImageRef(data=buffer.getvalue())
