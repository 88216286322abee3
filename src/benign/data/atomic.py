"""Write a file or a folder whole or not at all: beside its place first, on disk for certain, then renamed."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from benign.errors import UserError

TEMPORARY = ".benign-"
"""How the name of an unfinished file or folder starts: what a killed process leaves is found by it."""

_FULL = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file is larger than this system allows",
}


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write a file atomically; missing parent folders are made.

    Raises:
        UserError: The disk is full or the place cannot be written; a file that was there is as it was.
    """
    with replacing(path) as file:
        file.write(data)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file atomically, as UTF-8 and with its line ends as they are.

    Raises:
        UserError: As for :func:`write_bytes`.
    """
    write_bytes(path, text.encode())


@contextmanager
def replacing(path: str | Path) -> Iterator[BinaryIO]:
    """A binary file that takes its place at the end of the block, or leaves no trace if the block fails.

    Raises:
        UserError: The disk is full (also where the block itself noticed it) or the place cannot be written.
    """
    place = Path(path)
    temporary = _beside(place)
    try:
        with _noticing_full_disk(place):
            with _noticing_any_failure(place):
                place.parent.mkdir(parents=True, exist_ok=True)
                file = temporary.open("xb")
            with file:
                yield file
                file.flush()
                os.fsync(file.fileno())
        with _noticing_any_failure(place):
            temporary.replace(place)
            _sync_folder(place.parent)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: str | Path) -> Iterator[Path]:
    """An empty folder to fill, which takes the place of ``path`` at the end of the block.

    A folder that was there is removed only after the new one stands in its place. The swap is two renames:
    a process killed just between them leaves the old folder beside, under a name starting with ``TEMPORARY``.

    Raises:
        UserError: ``path`` is a file, the disk is full, or the place cannot be written.
    """
    place = Path(path)
    if place.exists() and not place.is_dir():
        raise UserError("is a file, a folder is to be written here", where=str(path), fix="give another path")
    temporary = _beside(place)
    try:
        with _noticing_full_disk(place):
            with _noticing_any_failure(place):
                temporary.mkdir(parents=True)
            yield temporary
            _sync_tree(temporary)
        with _noticing_any_failure(place):
            _swap(temporary, place)
            _sync_folder(place.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _swap(new: Path, place: Path) -> None:
    if not place.exists():
        new.rename(place)
        return
    old = _beside(place)
    place.rename(old)
    try:
        new.rename(place)
    except OSError:
        old.rename(place)
        raise
    shutil.rmtree(old)


def _beside(place: Path) -> Path:
    return place.with_name(f"{TEMPORARY}{secrets.token_hex(8)}")


def _sync_tree(folder: Path) -> None:
    for parent, _, names in os.walk(folder):
        for name in names:
            with (Path(parent) / name).open("rb") as file:
                os.fsync(file.fileno())
        _sync_folder(Path(parent))


def _sync_folder(folder: Path) -> None:
    # a rename is on disk only once its folder is; Windows cannot open a folder and needs no sync of it
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _noticing_full_disk(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        what = f"{_FULL[error.errno]}, nothing was written"
        raise UserError(what, where=str(place), fix="free some space or give another path") from error


@contextmanager
def _noticing_any_failure(place: Path) -> Iterator[None]:
    with _noticing_full_disk(place):
        try:
            yield
        except OSError as error:
            if error.errno in _FULL:
                raise
            what = f"cannot be written: {error.strerror or type(error).__name__}"
            raise UserError(what, where=str(place), fix="give a path that you may write to") from error
