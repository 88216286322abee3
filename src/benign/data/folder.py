"""A plain folder of pictures: one record per picture, named after its file, with nothing asked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from benign.data.line import Line


def picture_lines(path: Path) -> Iterator[Line]:
    """The folder's pictures in the order of their names, those of inner folders included.

    Hidden files are passed over; any other file has to be a picture. Links to folders are not followed.

    Raises:
        OSError: A folder cannot be read.
    """
    for name in sorted(_names(path)):
        # a name that is not UTF-8 is shown escaped, and reported as a bad id
        shown = name.encode("utf-8", "backslashreplace").decode()
        yield Line(f"{path}/{shown}", {"id": name, "images": [name]})


def _names(path: Path) -> Iterator[str]:
    for parent, folders, files in os.walk(path, onerror=_give_up):
        folders[:] = [name for name in folders if not name.startswith(".")]
        inner = Path(parent).relative_to(path)
        yield from ((inner / name).as_posix() for name in files if not name.startswith("."))


def _give_up(error: OSError) -> None:
    raise error
