"""The reference model's predictions without a second copy of the model: the adapter off, or computed once on disk."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from benign.data.answers import Answers
from benign.data.atomic import write_bytes
from benign.engine.attach import Trainable
from benign.engine.draw import Drawn, compares, derived_seed, needs_original
from benign.engine.forward import encoded
from benign.engine.noise import Noise, disturbed, noise_of
from benign.engine.recipe import Term, Train
from benign.engine.world import world
from benign.models.forward import HiddenAt
from benign.models.load import Model
from benign.models.pack import packed_rows
from benign.models.vision_cache import VisionCache
from benign.parts.objectives import Need, Objective


@dataclass(frozen=True)
class Wanted:
    """What of the reference model's predictions an objective looks at."""

    logp: Need
    """Its log-probabilities: of the labels, of the whole vocabulary, or none."""
    hidden_at: HiddenAt
    """Where its hidden states are taken, or None."""
    noise: Noise | None = None
    """Noise inside it, which its log-probabilities then follow from."""


@dataclass(frozen=True)
class Seen:
    """What the reference model said, for rows of answer tokens."""

    logp: Tensor | None = None
    """[rows, V] log-probabilities."""
    label_logp: Tensor | None = None
    """[rows] log-probability of each label."""
    hidden: Tensor | None = None
    """[rows, H]."""
    labels: Tensor | None = None
    """[rows] the answers' tokens."""

    @classmethod
    def of(cls, rows: Answers, wanted: Wanted) -> Seen:
        """What is wanted of one pass of the reference model."""
        return cls(
            logp=rows.log_probabilities if wanted.logp == "rows" else None,
            label_logp=rows.logp.clone() if wanted.logp == "labels" else None,
            # Rows of the same pass would otherwise be held in memory together.
            hidden=None if rows.hidden is None else rows.hidden.clone(),
            labels=rows.labels,
        )

    @classmethod
    def joined(cls, parts: Sequence[Seen]) -> Seen:
        """The rows one after the other."""
        names = parts[0].tensors if parts else ()
        return cls(**{name: torch.cat([part.tensors[name] for part in parts]) for name in names})

    @property
    def tensors(self) -> dict[str, Tensor]:
        """What is there, by name."""
        return {name: tensor for name, tensor in vars(self).items() if tensor is not None}

    @property
    def size_bytes(self) -> int:
        """The memory it takes."""
        return sum(tensor.nbytes for tensor in self.tensors.values())


Reference = Callable[[Sequence[Drawn], Wanted], Seen]
"""What the reference model says to the drawn records."""
_Pass = Callable[[Sequence[Drawn], HiddenAt], Answers]
REMEMBERED_BYTES = 2**29
"""How much memory the rows of earlier steps may take where the reference is the adapter switched off."""


def reference_for(
    model: Model,
    stage: Train,
    steps: Sequence[Sequence[Sequence[Drawn]]],
    moving: Trainable,
    folder: Path,
    vision: VisionCache,
    seed: int,
) -> Reference:
    """The way to the reference that the stage's locus allows; ``seed`` is the run's."""

    def now(items: Sequence[Drawn], hidden_at: HiddenAt) -> Answers:
        with torch.no_grad():
            examples = [encoded(model.encoder, item) for item in items]
            return packed_rows(model, examples, hidden_at=hidden_at, vision=vision)

    def adapter_off(items: Sequence[Drawn], hidden_at: HiddenAt) -> Answers:
        with moving.reference():
            return now(items, hidden_at)

    asked = [
        (part.referred, wanted_of(term, derived_seed(seed, stage.name, number)))
        for number, step in enumerate(steps)
        for term, items in zip(stage.terms, step, strict=True)
        if needs_original(term.objective)
        for item in items
        for part in ([item, item.rival] if compares(term.objective) else [item])
    ]
    if moving.free_reference or not asked:
        return _remembered(adapter_off, model)
    return _precomputed(now, asked, folder / "reference", model)


def routes(objective: Objective) -> bool:
    """Whether an objective looks at a router."""
    return bool(getattr(objective, "needs_routing", False))


def hidden_layer(objective: Objective) -> int | float | None:
    """The decoder layer whose states an objective looks at, or None."""
    layer = getattr(objective, "layer", None)
    return layer if isinstance(layer, int | float) else None


def wanted_of(term: Term, seed: int) -> Wanted:
    """What a term's objective looks at, at a step of this seed.

    Noise changes the reference model's pass only where its log-probabilities are looked at: on hidden states alone it
    is added to what is kept of them.
    """
    logp = term.objective.needs_reference
    return Wanted(logp, hidden_layer(term.objective), noise_of(term, seed) if logp else None)


def _disturbed(now: _Pass, model: Model, items: Sequence[Drawn], wanted: Wanted) -> Seen:
    """One pass per record, each with its own noise."""
    parts = []
    for item in items:
        with disturbed(model, wanted.noise, item) if wanted.noise else nullcontext():
            parts.append(Seen.of(now([item], wanted.hidden_at), wanted))
    return Seen.joined(parts)


def _remembered(now: _Pass, model: Model, budget_bytes: int = REMEMBERED_BYTES) -> Reference:
    """Keep the latest examples' rows in memory: the original does not change, and examples come back every epoch."""
    kept: OrderedDict[tuple[str, Wanted], Seen] = OrderedDict()
    used, shards = 0, model.shards

    def read(items: Sequence[Drawn], wanted: Wanted) -> Seen:
        nonlocal used
        if wanted.noise:
            # Another noise at every step: nothing comes back.
            return _disturbed(now, model, items, wanted)
        keys = [(item.key, wanted) for item in items]
        missing = {key: item for key, item in zip(keys, items, strict=True) if key not in kept}
        found = {key: kept[key] for key in keys if key in kept}
        # Where processes share the layers, all of them look if one has to.
        if shards.most(len(missing)) if shards else missing:
            fresh = now(list(missing.values()), wanted.hidden_at).parted([1] * len(missing))
            found |= {key: Seen.of(rows, wanted) for key, rows in zip(missing, fresh, strict=True)}
        for key in dict.fromkeys(keys):
            used += 0 if key in kept else found[key].size_bytes
            kept[key] = found[key]
            kept.move_to_end(key)
        while used > budget_bytes:
            used -= kept.popitem(last=False)[1].size_bytes
        return Seen.joined([found[key] for key in keys])

    return read


def _precomputed(now: _Pass, asked: Sequence[tuple[Drawn, Wanted]], folder: Path, model: Model) -> Reference:
    """Compute each distinct example's rows before the weights move, one file each, read back when drawn."""
    device = model.module.device
    folder.mkdir(parents=True, exist_ok=True)

    def file_of(item: Drawn, wanted: Wanted) -> Path:
        layer = "" if wanted.hidden_at is None else f"-{wanted.hidden_at}"
        noise = f"-{wanted.noise.seed}" if wanted.noise else ""
        return folder / f"{item.key}-{wanted.logp or 'hidden'}{layer}{noise}.safetensors"

    here = world()
    asked_here = here.share(list({file_of(*one): one for one in asked}.items()))
    missing = [one for one in asked_here if not one[0].exists()]
    most = model.shards.most(len(missing)) if model.shards else 0
    for file, (item, wanted) in missing:
        seen = _disturbed(now, model, [item], wanted)
        write_bytes(file, save({name: t.cpu().contiguous() for name, t in seen.tensors.items()}))
    for _ in range(len(missing), most):
        now([], None)
    here.wait()

    def read(items: Sequence[Drawn], wanted: Wanted) -> Seen:
        return Seen.joined([Seen(**load_file(file_of(item, wanted), device=str(device))) for item in items])

    return read
