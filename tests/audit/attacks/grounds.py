"""What an attacker has in a test: a toy system, its records, and a way to ask that counts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

import toys
from benign.audit.attacks import Ground
from benign.audit.observation import Observations
from benign.audit.observe import observe
from benign.audit.plan import Ask
from benign.data.record import Data
from benign.engine.serve import Served, System
from benign.models.change import Delta, LowRank
from benign.models.load import Model, load


def silent(what: str, done: int, total: int) -> None:
    """Nobody watches."""


def ground(served: Served, original: Served, cache: Path, *, data: Data | None = None, seed: int = 0) -> Ground:
    def ask(system: System, asks: Sequence[Ask]) -> Observations:
        return observe(system, asks, cache=cache, max_new_tokens=4)

    return Ground(served, original, toys.data() if data is None else data, ask, silent, seed)


def model(folder: Path, seed: int = 0) -> Model:
    return load(str(toys.text_model(folder, seed=seed)))


def delta(model: Model, *, scale: float = 1.0, seed: int = 1) -> Delta:
    """A low-rank change of two matrices and a dense one of a third."""
    random = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=random)

    names = ("model.layers.0.self_attn.q_proj.weight", "model.layers.1.mlp.up_proj.weight")
    known = dict(model.module.named_parameters())
    changes: dict[str, torch.Tensor | LowRank] = {
        name: LowRank(draw(2, known[name].shape[1]), draw(known[name].shape[0], 2), 0.5 * scale) for name in names
    }
    changes["model.layers.0.mlp.down_proj.weight"] = scale * draw(*known["model.layers.0.mlp.down_proj.weight"].shape)
    return Delta(changes)


def bits(model: Model) -> dict[str, bytes]:
    return {name: p.detach().numpy().tobytes() for name, p in model.module.named_parameters()}


def answers(system: System) -> tuple[list[str], list[tuple[float, ...]]]:
    """Texts and log-probabilities of the forgotten answers, to the last bit."""
    records = toys.data().forget
    scored = system.score(records, [record.gold for record in records])
    return system.generate(records, max_new_tokens=4), [score.logp for score in scored]
