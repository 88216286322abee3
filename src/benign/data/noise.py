"""A picture with some or all of what it shows drowned in noise."""

from __future__ import annotations

import hashlib
from io import BytesIO

import numpy as np
from PIL import Image

from benign.data.images import open_image
from benign.data.record import ImageRef

GRAINS = 336
"""Most grains of noise a side: as many as the pixels that LLaVA-1.5 sees, so that scaling down leaves noise."""


def noised(image: ImageRef, share: float) -> ImageRef:
    """The picture at the same size with ``share`` of every level drawn uniformly from black to white, by colour.

    A function of the picture and the share alone; 1 leaves nothing of it but its size, 0 is the picture itself.

    Raises:
        UserError: The picture cannot be decoded.
    """
    if share == 0:
        return image
    picture = open_image(image)
    random = np.random.default_rng(list(hashlib.sha256(f"noise/{image.digest}".encode()).digest()))
    width, height = (min(side, GRAINS) for side in picture.size)
    drawn = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
    grains = Image.fromarray(drawn).resize(picture.size, Image.Resampling.NEAREST)
    content = BytesIO()
    Image.blend(picture, grains, share).save(content, "PNG")
    return ImageRef(data=content.getvalue())
