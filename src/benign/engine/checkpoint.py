"""A training stage's checkpoint: parameters, the optimiser's moments, the step, as safetensors and JSON (no pickle)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from benign.data.atomic import write_bytes, write_text
from benign.errors import UserError
from benign.parts.updates import State


@dataclass(frozen=True)
class Progress:
    """Where a stage stands: the next step to take, the seconds spent so far, the update's state."""

    step: int
    seconds: float
    state: State = State()
    """What the update remembers."""


def write(
    folder: Path, key: str, progress: Progress, parameters: dict[str, nn.Parameter], optimizer: torch.optim.Optimizer
) -> None:
    """Save a checkpoint; the JSON file is renamed into place last and names the tensors' digest, so a kill between
    the two leaves the older checkpoint valid."""
    tensors: dict[str, Tensor] = {}
    for name, parameter in parameters.items():
        tensors[f"parameter/{name}"] = parameter.detach().cpu().contiguous()
        for moment, value in optimizer.state.get(parameter, {}).items():
            tensors[f"{moment}/{name}"] = torch.as_tensor(value).detach().cpu().contiguous()
    for name, kept in progress.state.tensors.items():
        tensors |= {f"state/{name}/{i}": value.detach().cpu().contiguous() for i, value in enumerate(kept)}
    content = save(tensors)
    digest = hashlib.sha256(content).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(folder / f"{digest[:16]}.safetensors", content)
    state = {
        "key": key,
        "step": progress.step,
        "seconds": progress.seconds,
        "tensors": digest,
        "bytes": len(content),
        "numbers": dict(progress.state.numbers),
        "remembered": {name: len(kept) for name, kept in progress.state.tensors.items()},
    }
    write_text(folder / "checkpoint.json", json.dumps(state, sort_keys=True))
    for old in folder.glob("*.safetensors"):
        if old.stem != digest[:16] and old.stem != "originals":
            old.unlink()


def read(
    folder: Path, key: str, parameters: dict[str, nn.Parameter], optimizer: torch.optim.Optimizer
) -> Progress | None:
    """Restore a checkpoint in place, or None where there is none for this very run, or only a half-written one.

    Raises:
        UserError: The tensors are all there and damaged.
    """
    state = _state(folder / "checkpoint.json")
    if state.get("key") != key:
        return None
    file = folder / f"{state['tensors'][:16]}.safetensors"
    content = file.read_bytes() if file.exists() else b""
    if len(content) < state["bytes"]:
        return None
    if hashlib.sha256(content).hexdigest() != state["tensors"]:
        raise UserError("the checkpoint is damaged", where=str(file), fix=f"delete {folder} to train this stage again")
    tensors = load(content)
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(tensors[f"parameter/{name}"])
            moments = {m: tensors[f"{m}/{name}"] for m in ("step", "exp_avg", "exp_avg_sq") if f"{m}/{name}" in tensors}
            if moments:
                optimizer.state[parameter] = {
                    m: v if m == "step" else v.to(parameter.device) for m, v in moments.items()
                }
    device = next(iter(parameters.values())).device
    remembered = {
        name: tuple(tensors[f"state/{name}/{i}"].to(device) for i in range(count))
        for name, count in state["remembered"].items()
    }
    return Progress(state["step"], state["seconds"], State(state["numbers"], remembered))


def _state(path: Path) -> dict[str, Any]:
    """The checkpoint's JSON; empty where it is missing or was cut off."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError):
        return {}
