"""The reference model's predictions without a second copy of the model: the adapter off, or computed once on disk."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from benign.data.answers import Answers
from benign.data.atomic import write_bytes
from benign.engine.attach import Trainable
from benign.engine.draw import Drawn, compares
from benign.engine.forward import encoded, within
from benign.engine.recipe import Train
from benign.engine.world import world
from benign.models.forward import HiddenAt
from benign.models.load import Model
from benign.models.pack import packed_rows
from benign.models.vision_cache import VisionCache
from benign.parts.objectives import Objective

Reference = Callable[[Sequence[Drawn], HiddenAt], Answers]
"""The reference model's answer rows of the drawn records, with its hidden states where asked for."""
REMEMBERED_BYTES = 2**29
"""How much memory the rows of earlier steps may take where the reference is the adapter switched off."""


def reference_for(
    model: Model,
    stage: Train,
    steps: Sequence[Sequence[Sequence[Drawn]]],
    moving: Trainable,
    folder: Path,
    vision: VisionCache,
) -> Reference:
    """The way to the reference that the stage's locus allows."""

    def now(items: Sequence[Drawn], hidden_at: HiddenAt) -> Answers:
        with torch.no_grad():
            examples = [encoded(model.encoder, item) for item in items]
            return packed_rows(model, examples, hidden_at=hidden_at, vision=vision)

    def adapter_off(items: Sequence[Drawn], hidden_at: HiddenAt) -> Answers:
        with moving.reference():
            return now(items, hidden_at)

    wanted = [
        (part, hidden_layer(term.objective))
        for step in steps
        for term, items in zip(stage.terms, step, strict=True)
        if needs_original(term.objective)
        for item in items
        for part in ([item, item.rival] if compares(term.objective) else [item])
    ]
    if moving.free_reference or not wanted:
        return _remembered(adapter_off)
    return _precomputed(now, wanted, folder / "reference", model.module.device)


def hidden_layer(objective: Objective) -> int | None:
    """The decoder layer whose states an objective looks at, or None."""
    layer = getattr(objective, "layer", None)
    return layer if isinstance(layer, int) else None


def needs_original(objective: Objective) -> bool:
    """Whether an objective looks at the reference model, by its probabilities or its hidden states."""
    return objective.needs_reference or bool(getattr(objective, "needs_reference_hidden", False))


def _remembered(now: Reference, budget_bytes: int = REMEMBERED_BYTES) -> Reference:
    """Keep the latest examples' rows in memory: the original does not change, and examples come back every epoch."""
    kept: OrderedDict[tuple[str, HiddenAt], _Part] = OrderedDict()
    used = 0

    def read(items: Sequence[Drawn], hidden_at: HiddenAt) -> Answers:
        nonlocal used
        keys = [(item.key, hidden_at) for item in items]
        missing = {key: item for key, item in zip(keys, items, strict=True) if key not in kept}
        found = {key: kept[key] for key in keys if key in kept}
        if missing:
            fresh = now(list(missing.values()), hidden_at)
            found |= {key: _Part.of(within(fresh, i, i + 1)) for i, key in enumerate(missing)}
        for key in dict.fromkeys(keys):
            used += 0 if key in kept else found[key].size_bytes
            kept[key] = found[key]
            kept.move_to_end(key)
        while used > budget_bytes:
            used -= kept.popitem(last=False)[1].size_bytes
        return _joined([found[key] for key in keys])

    return read


@dataclass(frozen=True)
class _Part:
    """One record's rows: [rows, V] log-probabilities, [rows] labels, [rows, H] hidden states if they were asked for."""

    logp: Tensor
    labels: Tensor
    hidden: Tensor | None = None

    @classmethod
    def of(cls, rows: Answers) -> _Part:
        return cls(rows.log_probabilities, rows.labels, rows.hidden)

    @property
    def size_bytes(self) -> int:
        return sum(t.nbytes for t in (self.logp, self.labels, self.hidden) if t is not None)


def _joined(parts: Sequence[_Part]) -> Answers:
    counts = torch.tensor([len(part.labels) for part in parts])
    hidden = [part.hidden for part in parts if part.hidden is not None]
    return Answers(
        logits=torch.cat([part.logp for part in parts]),
        labels=torch.cat([part.labels for part in parts]),
        owner=torch.arange(len(parts)).repeat_interleave(counts).to(parts[0].logp.device),
        count=len(parts),
        hidden=torch.cat(hidden) if hidden else None,
    )


def _precomputed(
    now: Reference, wanted: Sequence[tuple[Drawn, int | None]], folder: Path, device: torch.device
) -> Reference:
    """Compute each distinct example's rows before the weights move, one file each, read back when drawn."""
    folder.mkdir(parents=True, exist_ok=True)

    def file_of(item: Drawn, hidden_at: HiddenAt) -> Path:
        return folder / f"{item.key}{'' if hidden_at is None else f'-{hidden_at}'}.safetensors"

    here = world()
    for file, (item, layer) in here.share(list({file_of(*found): found for found in wanted}.items())):
        if not file.exists():
            part = _Part.of(now([item], layer))
            tensors = {"logp": part.logp, "labels": part.labels, "hidden": part.hidden}
            content = {name: t.cpu().contiguous() for name, t in tensors.items() if t is not None}
            write_bytes(file, save(content))
    here.wait()

    def read(items: Sequence[Drawn], hidden_at: HiddenAt) -> Answers:
        return _joined([_Part(**load_file(file_of(item, hidden_at), device=str(device))) for item in items])

    return read
