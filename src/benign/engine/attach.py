"""Put a locus on a model: what may move is attached and unfrozen, and everything is as it was afterwards."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn

from benign.data.atomic import write_bytes
from benign.errors import UserError
from benign.models.change import Delta, LowRank
from benign.models.families.family import linear_modules
from benign.models.load import Model
from benign.parts.loci import Locus


class Trainable(Protocol):
    """What an attached locus offers the training loop."""

    parameters: dict[str, nn.Parameter]
    """The moving parameters by name, in a fixed order."""
    free_reference: bool
    """Whether the original model can be had at no cost by switching the adapter off."""

    def reference(self) -> AbstractContextManager[None]:
        """Within it the model is the original one; only where ``free_reference``."""
        ...

    def delta(self) -> Delta:
        """What has been learned so far, against the original weights."""
        ...


def chosen_modules(model: Model, locus: Locus) -> list[str]:
    """The names of the linear modules that a locus chooses.

    Raises:
        UserError: Nothing matches (the nearest names are listed).
    """
    names = linear_modules(model.module, locus.pattern(model.family.language))
    layers = locus.layers()
    if layers is None:
        return names
    within = [name for name in names if (found := re.search(r"\.layers\.(\d+)\.", name)) and int(found[1]) in layers]
    if not within:
        raise UserError(
            f"no module lies in layers {tuple(layers)}", where="locus", fix=f"there are modules such as {names[0]}"
        )
    return within


@contextmanager
def attached(model: Model, locus: Locus, *, seed: int, scratch: Path) -> Iterator[Trainable]:
    """Attach a locus for the time of the context; the model's own weights are bit for bit the same afterwards.

    Args:
        model: The model to train; its other parameters are frozen.
        locus: What may move.
        seed: Seeds the adapter's initial values.
        scratch: A folder on disk for the original weights where the weights themselves move.
    """
    before = {name: p.requires_grad for name, p in model.module.named_parameters()}
    model.module.requires_grad_(False)
    try:
        opened = _adapter(model, locus, seed) if locus.adapter else _weights(model, locus, scratch)
        with opened as trainable:
            yield trainable
    finally:
        for name, parameter in model.module.named_parameters():
            parameter.requires_grad_(before.get(name, True))
        model.module.eval()


@dataclass
class _Adapter:
    peft: PeftModel
    modules: list[str]
    scale: float
    parameters: dict[str, nn.Parameter]
    free_reference: bool = True

    @contextmanager
    def reference(self) -> Iterator[None]:
        training = self.peft.training
        self.peft.eval()
        with self.peft.disable_adapter():
            yield
        self.peft.train(training)

    def delta(self) -> Delta:
        tensors: dict[str, Tensor | LowRank] = {}
        for name in self.modules:
            module = self.peft.base_model.model.get_submodule(name)
            a, b = module.lora_A["default"].weight, module.lora_B["default"].weight
            tensors[f"{name}.weight"] = LowRank(a.detach().clone(), b.detach().clone(), self.scale)
        return Delta(tensors)


@contextmanager
def _adapter(model: Model, locus: Locus, seed: int) -> Iterator[Trainable]:
    shape = locus.adapter
    assert shape is not None
    modules = chosen_modules(model, locus)
    torch.manual_seed(seed)
    config = LoraConfig(r=shape.rank, lora_alpha=shape.alpha, lora_dropout=shape.dropout, target_modules=modules)
    with warnings.catch_warnings():
        # peft asks transformers by a name that the latter renamed; it is neither's user who can mend it.
        warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated", category=FutureWarning)
        peft = get_peft_model(model.module, config)
    try:
        moving = {name: p for name, p in sorted(peft.named_parameters()) if p.requires_grad}
        yield _Adapter(peft, modules, shape.alpha / shape.rank, moving)
    finally:
        peft.unload()


@dataclass
class _Weights:
    parameters: dict[str, nn.Parameter]
    originals: Path
    free_reference: bool = False

    def reference(self) -> AbstractContextManager[None]:
        return nullcontext()

    def delta(self) -> Delta:
        with safe_open(self.originals, "pt") as saved:
            return Delta({n: p.detach() - saved.get_tensor(n).to(p.device) for n, p in self.parameters.items()})


@contextmanager
def _weights(model: Model, locus: Locus, scratch: Path) -> Iterator[Trainable]:
    pattern = re.compile(locus.pattern(model.family.language))
    moving = {n: p for n, p in sorted(model.module.named_parameters()) if pattern.fullmatch(n.rpartition(".")[0])}
    if not moving:
        raise UserError(f"no parameter matches {pattern.pattern!r}", where="locus")
    scratch.mkdir(parents=True, exist_ok=True)
    originals = scratch / "originals.safetensors"
    write_bytes(originals, save({n: p.detach().contiguous() for n, p in moving.items()}))
    for parameter in moving.values():
        parameter.requires_grad_(True)
    try:
        yield _Weights(moving, originals)
    finally:
        with safe_open(originals, "pt") as saved, torch.no_grad():
            for name, parameter in moving.items():
                parameter.copy_(saved.get_tensor(name))
        originals.unlink()
