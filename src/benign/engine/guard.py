"""A fitted guard as a value: what it knows, how it is kept beside a result, and how it is read again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from safetensors.torch import load as tensors_of
from safetensors.torch import save

from benign.data.atomic import replacing_folder
from benign.engine import canonical
from benign.errors import UserError
from benign.models.change import Delta
from benign.models.load import Model
from benign.parts.guards import Guard, Tensors

ABOUT_FILE, TENSORS_FILE = "guard.json", "guard.safetensors"


@dataclass(frozen=True, eq=False)
class Fitted:
    """A guard and what it knows."""

    guard: Guard
    tensors: Tensors

    @property
    def name(self) -> str:
        """The part's name."""
        return type(self.guard).__name__

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the guard's settings and its tensors."""
        return hashlib.sha256(f"{canonical.dumps(self.guard)}/{Delta(self.tensors).digest}".encode()).hexdigest()


def save_guard(fitted: Fitted, model: Model, folder: Path, *, delta: str = "") -> None:
    """Write the guard, its settings as JSON and its tensors as safetensors, with the digests of the model it is for and
    of the delta that the weights have behind it (empty for none)."""
    content = save({name: tensor.detach().cpu().contiguous() for name, tensor in sorted(fitted.tensors.items())})
    about = {
        "format": 1,
        "base": {"name": model.source, "digest": model.digest},
        "delta": delta,
        "guard": canonical.to_plain(fitted.guard),
        "tensors": hashlib.sha256(content).hexdigest(),
        "digest": fitted.digest,
    }
    with replacing_folder(folder) as temporary:
        (temporary / TENSORS_FILE).write_bytes(content)
        (temporary / ABOUT_FILE).write_text(json.dumps(about, sort_keys=True, indent=1) + "\n", encoding="utf-8")


def load_guard(folder: Path, model: Model, *, delta: str = "") -> Fitted:
    """The guard in ``folder``, checked against ``model``, against the digest of the delta that its weights have behind
    it, and against what was written.

    Raises:
        UserError: A file is missing or was changed, or the guard belongs to another model or to other weights.
    """
    about = _about(folder / ABOUT_FILE)
    if about["base"]["digest"] != model.digest:
        raise UserError(
            f"the guard belongs to another model ({about['base']['name']})",
            where=str(folder),
            fix="load its own base model",
        )
    if about.get("delta", "") != delta:
        raise UserError("the guard was fitted on another change of the weights", where=str(folder), fix="run it again")
    path = folder / TENSORS_FILE
    content = path.read_bytes() if path.exists() else b""
    if hashlib.sha256(content).hexdigest() != about["tensors"]:
        raise UserError("the file is missing or was changed after it was written", where=str(path))
    fitted = Fitted(canonical.from_plain(about["guard"]), tensors_of(content))
    if fitted.digest != about["digest"]:
        raise UserError("the file was changed after it was written", where=str(folder / ABOUT_FILE))
    return fitted


def _about(path: Path) -> dict[str, Any]:
    try:
        about: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        complete = {"base", "guard", "tensors", "digest"} <= about.keys() and "digest" in about["base"]
    except FileNotFoundError:
        raise UserError("no guard was written here: the file is missing", where=str(path)) from None
    except (ValueError, AttributeError, TypeError):
        complete = False
    if not complete:
        raise UserError("the file was changed after it was written", where=str(path))
    return about
