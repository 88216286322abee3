"""Pictures and files of records for the tests of this room."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

Encode = Callable[..., bytes]
WriteLines = Callable[..., Path]


@pytest.fixture(scope="session")
def picture() -> Encode:
    """``picture(seed, format, size)``: the encoded bytes of a noisy picture, the same for the same seed."""

    def encode(seed: int = 0, format: str = "PNG", size: tuple[int, int] = (8, 6), mode: str = "RGB") -> bytes:
        noise = random.Random(seed).randbytes(size[0] * size[1] * 3)
        file = BytesIO()
        Image.frombytes("RGB", size, noise).convert(mode).save(file, format)
        return file.getvalue()

    return encode


@pytest.fixture
def write_lines(tmp_path: Path) -> WriteLines:
    """``write_lines(name, *lines)``: a JSON Lines file; a dict is a line, and text or bytes one as they are."""

    def write(name: str, *lines: dict[str, object] | str | bytes) -> Path:
        path = tmp_path / name
        texts = [json.dumps(line) if isinstance(line, dict) else line for line in lines]
        path.write_bytes(b"".join((t.encode() if isinstance(t, str) else t) + b"\n" for t in texts))
        return path

    return write


@pytest.fixture(scope="session")
def asked() -> Callable[..., dict[str, object]]:
    """``asked(id, **fields)``: a good line, with the given fields changed."""

    def line(id: str = "a", **fields: object) -> dict[str, object]:
        return {"id": id, "question": "Who is this?", "answer": "Zorblax Quimby", **fields}

    return line
