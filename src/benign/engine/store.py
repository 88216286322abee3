"""The store of statistics: tensors that were measured once, found again by a digest of all that they depend on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import load, save
from torch import Tensor

import benign
from benign.data.atomic import write_bytes, write_text
from benign.engine import canonical
from benign.errors import UserError

Described = Mapping[str, object]
"""What the tensors are of: model, records, estimate. Plain values."""


def place_of(folder: Path, described: Described) -> Path:
    """Where tensors of this description are kept, without the file names' endings."""
    return folder / canonical.digest(json.dumps({**described, "benign": benign.__version__}, sort_keys=True))[:24]


def keep(folder: Path, described: Described, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors and what they are of; the JSON file comes last and names the tensors' digest, so a kill between the
    two leaves nothing to read."""
    place = place_of(folder, described)
    folder.mkdir(parents=True, exist_ok=True)
    content = save({name: tensor.cpu().contiguous() for name, tensor in tensors.items()})
    write_bytes(place.with_suffix(".safetensors"), content)
    about = {**described, "benign": benign.__version__, "tensors": hashlib.sha256(content).hexdigest()}
    write_text(place.with_suffix(".json"), json.dumps(about, sort_keys=True, indent=2) + "\n")


def kept(folder: Path, described: Described) -> dict[str, Tensor] | None:
    """The tensors of this description, on the CPU; None where there are none.

    Raises:
        UserError: They are damaged.
    """
    place = place_of(folder, described)
    about, file = place.with_suffix(".json"), place.with_suffix(".safetensors")
    if not about.exists():
        return None
    content = file.read_bytes() if file.exists() else b""
    if hashlib.sha256(content).hexdigest() != json.loads(about.read_text(encoding="utf-8"))["tensors"]:
        raise UserError("the kept statistic is damaged", where=str(file), fix=f"delete {about} to measure again")
    return load(content)
