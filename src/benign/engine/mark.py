"""The mark that a run leaves in its folder: which run it is, and whether it is complete."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from benign.errors import UserError

_MARKS = ("run.json", "recipe.json")


def finished(folder: Path, key: str) -> bool:
    """Whether the folder holds this very run, complete.

    Raises:
        UserError: It holds another run.
    """
    mark = folder / "run.json"
    if not mark.exists():
        return False
    state = json.loads(mark.read_text(encoding="utf-8"))
    if state["key"] != key:
        raise UserError(
            "this folder holds another run (other data, model, method, seed or version)",
            where=str(folder),
            fix="give another --out, or delete it",
        )
    return bool(state["finished"])


def mark(method: str, key: str, seed: int, *, finished: bool) -> str:
    """What ``run.json`` says of a run."""
    return json.dumps({"method": method, "key": key, "seed": seed, "finished": finished}, sort_keys=True) + "\n"


def withdrawn(folder: Path) -> bool:
    """Take back the mark of a run that ended before it had done anything, so that its folder is free for another.

    What was trained or measured stays where it is, and so does the mark beside it.
    """
    files = {path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}
    if files - {folder / name for name in _MARKS}:
        return False
    shutil.rmtree(folder / "stages", ignore_errors=True)
    for name in _MARKS:
        (folder / name).unlink(missing_ok=True)
    return True
