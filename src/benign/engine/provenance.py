"""``provenance.json``: what a result was made of, by digest, and what it cost. All that a clock or a machine decides
is in this one file (under ``cost`` and ``machine``), so every other file of a run is the same on every run."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import benign
from benign.data.record import SPLITS, Data
from benign.models.load import Model

_LIBRARIES = ("torch", "transformers", "peft", "safetensors", "numpy")


def provenance(model: Model, data: Data, folder: Path, cost: Mapping[str, float | str]) -> str:
    """The file's content for a run whose other files are written."""
    record = {
        "schema": 1,
        "benign": benign.__version__,
        "code": _code_digest(),
        "model": {"source": model.source, "digest": model.digest},
        "data": {"digest": data.digest, "records": {name: len(data.split(name)) for name in SPLITS}},
        "files": {str(p.relative_to(folder)): _digest(p) for p in _outputs(folder)},
        "versions": {name: version(name) for name in _LIBRARIES},
        "machine": {
            "python": platform.python_version(),
            "system": platform.system(),
            "processor": platform.machine(),
            "device": str(model.module.device),
            "written": datetime.now(UTC).isoformat(timespec="seconds"),
        },
        "cost": cost,
    }
    return json.dumps(record, sort_keys=True, indent=2) + "\n"


def _outputs(folder: Path) -> list[Path]:
    rooms = [folder / "adapter", folder / "model"]
    inside = [p for room in rooms if room.exists() for p in room.rglob("*") if p.is_file()]
    return sorted([*inside, folder / "recipe.json", folder / "facts.json"])


def _digest(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _code_digest() -> str:
    """SHA-256 over the package's Python files, in order of their names."""
    root = Path(benign.__file__).parent
    whole = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        whole.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return whole.hexdigest()
