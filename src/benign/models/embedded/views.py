"""Views: every time a subject is seen, the picture is shifted, scaled, turned, lit and grained a little differently."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from PIL import Image

from benign.models.embedded.fundus import fundus
from benign.models.embedded.looks import EYE, FACE, SHAPES, Look, draw_look
from benign.models.embedded.portraits import CANVAS, portrait
from benign.models.embedded.shapes import shapes

SIZE = 64
CANONICAL = 0
"""The view in the user's files; training sees it too."""
TRAIN_VIEWS = range(1_000_000)
HELD_VIEWS = range(1_000_000, 2_000_000)
"""Views that no training has seen."""
_DRAW: dict[str, Callable[[Look], Image.Image]] = {FACE.name: portrait, EYE.name: fundus, SHAPES.name: shapes}
_STREAM = 6


def still(look: Look) -> Image.Image:
    """The picture of a look at its final size, before any jitter."""
    return _DRAW[look.kind.name](look).reduce(CANVAS // SIZE)


def view(picture: Image.Image, key: tuple[int, ...]) -> np.ndarray:
    """One jittered view as uint8 [64, 64, 3]; a function of the picture and ``key``."""
    random = np.random.default_rng((_STREAM, *key))
    dx, dy, zoom, turn, light, *tint = random.uniform(-1, 1, 8)
    scale, angle, half = 1 + 0.05 * zoom, 0.05 * turn, SIZE / 2
    cos, sin = scale * math.cos(angle), scale * math.sin(angle)
    matrix = (cos, sin, half * (1 - cos - sin) + 1.5 * dx, -sin, cos, half * (1 + sin - cos) + 1.5 * dy)
    edge = picture.getpixel((1, 1))
    seen = picture.transform((SIZE, SIZE), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR, fillcolor=edge)
    gain = (1 + 0.10 * light + 0.03 * np.asarray(tint)).astype(np.float32)
    grain = random.normal(0, 4, (SIZE, SIZE, 1)).astype(np.float32)
    return np.clip(np.asarray(seen, np.float32) * gain + grain, 0, 255).astype(np.uint8)


@lru_cache(maxsize=512)
def _still(name: str, seed: int, index: int) -> Image.Image:
    kind = {k.name: k for k in (FACE, EYE, SHAPES)}[name]
    return still(draw_look(kind, seed, index))


def picture(name: str, index: int, view_number: int = CANONICAL, seed: int = 0) -> np.ndarray:
    """The view ``view_number`` of subject ``index`` in pictures of kind ``name``, as uint8 [64, 64, 3]."""
    kind = {k.name: k for k in (FACE, EYE, SHAPES)}[name]
    return view(_still(name, seed, index), (seed, kind.stream, index, view_number))


def png(pixels: np.ndarray) -> bytes:
    """The picture as the bytes of a PNG file."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format="PNG", compress_level=6)
    return out.getvalue()
