"""Small real models that ship with the package, and the invented world that they know; imports no torch."""

from __future__ import annotations

from pathlib import Path

from benign.errors import UserError, unknown_name

WEIGHTS = Path(__file__).parent / "weights"
NAMES = ("vlm", "vlm-base", "vlm-retrained-05", "vlm-retrained-10", "vlm-retrained-15")


def path(name: str) -> Path:
    """The folder of an embedded model, as ``from_pretrained`` takes it.

    Raises:
        UserError: There is no such model, or it is one that does not ship and has not been built yet.
    """
    if name not in NAMES:
        raise unknown_name("embedded model", name, NAMES)
    if not (WEIGHTS / name / "config.json").exists():
        command = f"python -m benign.models.embedded.build {name}"
        raise UserError("this model is not built yet", where=f"embedded:{name}", fix=f"{command} takes some minutes")
    return WEIGHTS / name
