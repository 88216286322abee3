"""A training stage's checkpoint: parameters, the optimiser's moments, the step, as safetensors and JSON (no pickle)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn

from benign.data.atomic import write_bytes, write_text
from benign.engine.world import World, world
from benign.errors import UserError
from benign.models.digest import file_digest
from benign.models.shard import like, own, shared
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
    """Save a checkpoint; the JSON file is renamed into place last and names the tensors' digests, so a kill between
    the two leaves the older checkpoint valid.

    Where the parameters lie in parts on several processes, all of them must come here, and each writes a file of its
    parts; otherwise one process alone may.
    """
    here = _among(parameters)
    content = save(_parts(progress, parameters, optimizer, whole=here.main))
    digest = hashlib.sha256(content).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(folder / f"{digest[:16]}.safetensors", content)
    written = here.gathered([digest, str(len(content))])
    if not here.main:
        return
    state = {
        "key": key,
        "step": progress.step,
        "seconds": progress.seconds,
        "files": [[digest, int(size)] for digest, size in written],
        "numbers": dict(progress.state.numbers),
        "remembered": {name: len(kept) for name, kept in progress.state.tensors.items()},
    }
    write_text(folder / "checkpoint.json", json.dumps(state, sort_keys=True))
    ours = {digest[:16] for digest, _ in written}
    for old in folder.glob("*.safetensors"):
        if old.stem not in ours and old.stem != "originals":
            old.unlink()


def read(
    folder: Path, key: str, parameters: dict[str, nn.Parameter], optimizer: torch.optim.Optimizer
) -> Progress | None:
    """Restore a checkpoint in place, or None where there is none for this very run, or only a half-written one.

    It does not matter how many processes wrote it: each of those that read takes its parts of the whole.

    Raises:
        UserError: The tensors are all there and damaged.
    """
    state = _state(folder / "checkpoint.json")
    if state.get("key") != key:
        return None
    files = [(folder / f"{digest[:16]}.safetensors", digest, size) for digest, size in state["files"]]
    if any(not file.exists() or file.stat().st_size < size for file, _, size in files):
        return None
    here = _among(parameters)
    damaged = [str(file) for file, digest, _ in files[here.rank :: here.size] if file_digest(file) != digest]
    for where in (file for found in here.gathered(damaged) for file in found):
        raise UserError("the checkpoint is damaged", where=where, fix=f"delete {folder} to train this stage again")
    with ExitStack() as stack, torch.no_grad():
        saved = _Saved([stack.enter_context(safe_open(file, "pt")) for file, _, _ in files])
        for name, parameter in parameters.items():
            parameter.copy_(like(saved[f"parameter/{name}"], parameter))
            if f"exp_avg/{name}" in saved:
                optimizer.state[parameter] = {
                    "step": saved[f"step/{name}"].to(parameter.device),
                    **{m: like(saved[f"{m}/{name}"], parameter) for m in ("exp_avg", "exp_avg_sq")},
                }
        holders = list(parameters.values())
        remembered = {
            # What an update remembers is one tensor per parameter.
            name: tuple(like(saved[f"state/{name}/{i}"], p) for i, p in zip(range(count), holders, strict=False))
            for name, count in state["remembered"].items()
        }
    return Progress(state["step"], state["seconds"], State(state["numbers"], remembered))


class _Saved:
    """The tensors of a checkpoint, whichever of its files they are in."""

    def __init__(self, files: Sequence[safe_open]) -> None:
        self._holders: dict[str, list[safe_open]] = {}
        for file in files:
            names: list[str] = file.keys()
            for name in names:
                self._holders.setdefault(name, []).append(file)

    def __contains__(self, name: str) -> bool:
        return name in self._holders

    def __getitem__(self, name: str) -> Tensor:
        parts = [file.get_tensor(name) for file in self._holders[name]]
        return torch.cat(parts) if len(parts) > 1 else parts[0]


def _parts(
    progress: Progress, parameters: dict[str, nn.Parameter], optimizer: torch.optim.Optimizer, *, whole: bool
) -> dict[str, Tensor]:
    """What this process has parts of, and where it writes what is ``whole`` too, that."""
    named: dict[str, Tensor] = {}
    for name, parameter in parameters.items():
        named[f"parameter/{name}"] = parameter.detach()
        named |= {f"{m}/{name}": torch.as_tensor(value) for m, value in optimizer.state.get(parameter, {}).items()}
    for name, kept in progress.state.tensors.items():
        named |= {f"state/{name}/{i}": value.detach() for i, value in enumerate(kept)}
    return {name: own(value).cpu().contiguous() for name, value in named.items() if whole or shared([value])}


def _among(parameters: dict[str, nn.Parameter]) -> World:
    """The processes that have parts of the parameters."""
    return world() if shared(list(parameters.values())) else World()


def _state(path: Path) -> dict[str, Any]:
    """The checkpoint's JSON; empty where it is missing or was cut off."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError):
        return {}
