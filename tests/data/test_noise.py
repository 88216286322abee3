"""Noise in a picture: as much as asked for, where it is asked for, and the same every time."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from benign.data.images import open_image
from benign.data.noise import GRAINS, noised
from benign.data.record import ImageRef


def picture(size: tuple[int, int] = (60, 40), colour: tuple[int, int, int] = (200, 20, 90)) -> ImageRef:
    content = BytesIO()
    Image.new("RGB", size, colour).save(content, "PNG")
    return ImageRef(data=content.getvalue())


def levels(image: ImageRef) -> np.ndarray:  # type: ignore[type-arg]
    return np.asarray(open_image(image), np.float64)


def test_none_is_the_picture_itself_and_all_is_uniform_noise() -> None:
    shown = picture()
    assert noised(shown, 0.0) is shown
    noise = levels(noised(shown, 1.0))
    assert noise.shape == (40, 60, 3)
    assert noise.mean() == pytest.approx(127.5, abs=3) and noise.std() == pytest.approx(255 / 12**0.5, abs=3)
    # Neighbours and colours say nothing of each other.
    flat = noise.reshape(-1, 3)
    assert np.abs(np.corrcoef(flat.T) - np.eye(3)).max() < 0.06
    assert abs(np.corrcoef(noise[:, :-1].ravel(), noise[:, 1:].ravel())[0, 1]) < 0.06


def test_a_share_is_the_mean_of_picture_and_noise() -> None:
    shown = picture()
    blended, noise = levels(noised(shown, 0.25)), levels(noised(shown, 1.0))
    assert np.abs(blended - (0.75 * levels(shown) + 0.25 * noise)).max() <= 1.0


def test_it_is_a_function_of_the_picture() -> None:
    one, again, other = noised(picture(), 1.0), noised(picture(), 1.0), noised(picture(colour=(1, 2, 3)), 1.0)
    assert one.data == again.data != other.data


def test_large_pictures_have_coarse_grains_so_that_scaling_down_leaves_noise() -> None:
    noise = open_image(noised(picture((3 * GRAINS, 3 * GRAINS)), 1.0))
    assert noise.size == (3 * GRAINS, 3 * GRAINS)
    assert np.asarray(noise.resize((GRAINS, GRAINS), Image.Resampling.BOX), np.float64).std() > 70
