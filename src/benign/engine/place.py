"""A run's folder belongs to one process at a time."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benign.engine.world import world
from benign.errors import UserError


@contextmanager
def claimed(folder: Path, *, wait: bool = False) -> Iterator[Path]:
    """Hold a folder for this process, or for those that make a run together; it is made if absent.

    With ``wait`` a folder that another process holds is waited for: it makes what both need.

    The lock is the kernel's and dies with the process, so a killed run leaves nothing to clean up.

    Raises:
        UserError: Another process works in the folder, or it cannot be written.
    """
    if not world().main:
        # The first process holds it for all; should it be refused, the others are ended with it.
        yield folder
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = (folder / ".lock").open("a+")
    except OSError as error:
        raise UserError(f"cannot write here: {error.strerror}", where=str(folder)) from None
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise UserError(
                "another process is working in this folder", where=str(folder), fix="wait for it, or give another --out"
            ) from None
        yield folder
