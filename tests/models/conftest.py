"""Tiny models shared by the tests: each is built and loaded once, and left as it was."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

import pytest
import torch
from PIL import Image

from benign.data.record import ImageRef, Record
from benign.models.load import Model, load

from . import tiny


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def folder_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], object]:
    """The saved tiny model of a name."""
    made: dict[str, object] = {}

    def get(name: str) -> object:
        if name not in made:
            made[name] = tiny.build(name, tmp_path_factory.mktemp(name))
        return made[name]

    return get


@pytest.fixture(scope="session")
def model_of(folder_of: Callable[[str], object]) -> Callable[[str], Model]:
    """The loaded tiny model of a name; a test that changes one must change it back."""
    made: dict[str, Model] = {}

    def get(name: str) -> Model:
        if name not in made:
            made[name] = load(str(folder_of(name)), device="cpu")
        return made[name]

    return get


def picture(width: int, height: int, seed: int = 0) -> ImageRef:
    """A picture of random pixels."""
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 256, (height, width, 3), generator=generator, dtype=torch.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels.numpy()).save(stream, format="PNG")
    return ImageRef(data=stream.getvalue())


WIDE = Record("wide", images=(picture(56, 28, 1),), question="Where does she live?", answer="In Ulm")
TALL = Record("tall", images=(picture(50, 60, 2),), question="What is shown, and why is it here?", answer="A red door")
TWO = Record("two", images=(picture(40, 40, 3), picture(60, 28, 4)), question="Which is hers?", answer="The left one")
BLIND = Record("blind", question="How many moons has Mars?", answer="Two")
SHORT = Record("short", question="Who?", answer="Ada of Ulm")
