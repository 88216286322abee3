"""Look at a model while it trains: the best state is the result, and training ends when it no longer gets better."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import load, save
from torch import nn

from benign.data.atomic import write_bytes, write_text
from benign.engine.world import alone, world
from benign.errors import UserError
from benign.models.load import Model
from benign.models.shard import like, together, whole


@dataclass(frozen=True)
class Watch:
    """What is watched, and how patiently."""

    look: Callable[[Model], float]
    """A number of the model as it is now, adapter on; :func:`benign.audit.watching.watching` makes one of any column of
    the scoreboard. A function of the weights alone, so that a resumed run sees the same."""
    name: str
    """What the number is, with its settings: a part of the run's identity, as ``look`` cannot be."""
    better: Literal["lower", "higher"] = "higher"
    """Which number is better."""
    every: int = 20
    """Steps between two looks; the last step is looked at too."""
    patience: int | None = 5
    """Looks without a better number after which training stops; None goes on to the end."""

    @property
    def identity(self) -> tuple[object, ...]:
        """What the outcome depends on."""
        return (self.name, self.better, self.every, self.patience)


@dataclass(frozen=True)
class Best:
    """The best state so far, in a stage's scratch folder."""

    watch: Watch
    folder: Path
    key: str
    """Identifies the stage: another one's best state does not count."""

    def stops(self, model: Model, parameters: Mapping[str, nn.Parameter], step: int, total: int) -> bool:
        """Look, if it is time to, after ``step`` steps of ``total``; True where training should stop.

        The first process looks, and the others do as it finds; where processes share the layers, all of them look.

        Raises:
            UserError: There is no number.
        """
        if step % self.watch.every and step != total:
            return False
        here, number, better = world(), 0.0, False
        if here.main or together():
            with nullcontext() if together() else alone():
                number = self.watch.look(model)
            if math.isnan(number):
                raise UserError(f"{self.watch.name} is not a number at step {step}", where="watch")
            best = self._kept()
            sign = 1 if self.watch.better == "higher" else -1
            better = best is None or sign * number > sign * float(best["number"])
        if here.agreed(better):
            self._keep(parameters, step, number)
        here.wait()
        best = self._kept()
        patience = self.watch.patience
        return best is not None and patience is not None and step - int(best["step"]) >= patience * self.watch.every

    @torch.no_grad()
    def restore(self, parameters: Mapping[str, nn.Parameter]) -> None:
        """Give the parameters their best values."""
        best = self._kept()
        if best is not None:
            tensors = load((self.folder / str(best["file"])).read_bytes())
            for name, parameter in parameters.items():
                parameter.copy_(like(tensors[name], parameter))

    def _kept(self) -> Mapping[str, str | float] | None:
        path = self.folder / "best.json"
        found: Mapping[str, str | float] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return found if found.get("key") == self.key else None

    def _keep(self, parameters: Mapping[str, nn.Parameter], step: int, number: float) -> None:
        """The JSON file comes last and names the tensors, so a kill between the two leaves the former best."""
        full = ((name, whole(parameter.detach())) for name, parameter in parameters.items())
        tensors = {name: tensor.cpu().contiguous() for name, tensor in full if world().main}
        if not world().main:
            return
        content = save(tensors)
        # Not the ending of a checkpoint's tensors: those are swept away when a newer one is written.
        file = f"{hashlib.sha256(content).hexdigest()[:16]}.best"
        write_bytes(self.folder / file, content)
        state = {"key": self.key, "step": step, "number": number, "file": file}
        write_text(self.folder / "best.json", json.dumps(state, sort_keys=True))
        for old in self.folder.glob("*.best"):
            if old.name != file:
                old.unlink()
