"""The reference model's predictions without a second copy of the model: the adapter off, or computed once on disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from benign.data.atomic import write_bytes
from benign.engine.attach import Trainable
from benign.engine.draw import Drawn
from benign.engine.forward import batch_of
from benign.engine.recipe import Train
from benign.models.encode import Encoder
from benign.models.forward import answer_rows
from benign.models.load import Model

Reference = Callable[[Sequence[Drawn]], Tensor]
"""The reference model's log-probabilities [rows, V] at the answer positions of the drawn records."""


def reference_for(
    model: Model, stage: Train, steps: Sequence[Sequence[Sequence[Drawn]]], moving: Trainable, folder: Path
) -> Reference:
    """The way to the reference that the stage's locus allows."""
    encoder = Encoder(model.processor, model.family)

    def now(items: Sequence[Drawn]) -> Tensor:
        with torch.no_grad():
            return answer_rows(model, batch_of(encoder, model, items)).log_probabilities

    def adapter_off(items: Sequence[Drawn]) -> Tensor:
        with moving.reference():
            return now(items)

    wanted = [
        item
        for step in steps
        for term, items in zip(stage.terms, step, strict=True)
        if term.objective.needs_reference
        for item in items
    ]
    if moving.free_reference or not wanted:
        return adapter_off
    return _precomputed(now, wanted, folder / "reference", model.module.device)


def _precomputed(now: Reference, wanted: Sequence[Drawn], folder: Path, device: torch.device) -> Reference:
    """Compute each distinct example's rows before the weights move, one file each, read back when drawn."""
    folder.mkdir(parents=True, exist_ok=True)
    for key, item in {item.key: item for item in wanted}.items():
        file = folder / f"{key}.safetensors"
        if not file.exists():
            write_bytes(file, save({"logp": now([item]).cpu()}))

    def read(items: Sequence[Drawn]) -> Tensor:
        rows = []
        for item in items:
            with safe_open(folder / f"{item.key}.safetensors", "pt") as saved:
                rows.append(saved.get_tensor("logp"))
        return torch.cat(rows).to(device)

    return read
