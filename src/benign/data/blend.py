"""Two pictures laid over one another."""

from __future__ import annotations

from io import BytesIO

from PIL import Image

from benign.data.images import open_image
from benign.data.record import ImageRef


def blended(one: ImageRef, other: ImageRef, share: float) -> ImageRef:
    """The first picture at its size with ``share`` of every level taken from the second, scaled to fit.

    0 is the first picture, 1 the second.

    Raises:
        UserError: A picture cannot be decoded.
    """
    below = open_image(one)
    above = open_image(other).resize(below.size)
    content = BytesIO()
    Image.blend(below, above, share).save(content, "PNG")
    return ImageRef(data=content.getvalue())
