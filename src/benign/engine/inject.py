"""Adapters of peft put on linear modules by name, and taken off again."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn

from benign.models.change import LowRank
from benign.models.load import Model
from benign.models.shard import unread, whole
from benign.parts.loci import AdapterShape

MOVING, START = "default", "start"
"""peft's names of the adapter that is trained, and of the one that takes away what it began as."""


@dataclass(frozen=True)
class Injected:
    """A model with an adapter on some of its modules."""

    peft: PeftModel
    modules: Sequence[str]
    shape: AdapterShape

    def layer(self, module: str) -> nn.Module:
        """The layer that peft put in the place of a module."""
        return self.peft.base_model.model.get_submodule(module)

    def factor(self, module: str, side: str, adapter: str = MOVING) -> nn.Parameter:
        """The factor ``A`` [r, in] or ``B`` [out, r] of one module's adapter."""
        return self.layer(module).get_parameter(f"lora_{side}.{adapter}.weight")

    def begin(self, start: Mapping[str, LowRank]) -> None:
        """Let the adapter begin as these products, and a second one, which never moves, take them away again."""
        self.peft.add_adapter(START, _config(self.modules, replace(self.shape, dropout=0.0)))
        with torch.no_grad():
            for module in self.modules:
                pair = start[f"{module}.weight"]
                for adapter, sign in ((MOVING, 1), (START, -1)):
                    self.factor(module, "A", adapter).copy_(pair.a)
                    self.factor(module, "B", adapter).copy_(sign * pair.b)
        self.peft.base_model.set_adapter([MOVING, START])
        self.hold_start()

    def hold_start(self) -> None:
        """No gradient for what never moves: peft gives one to every adapter that it switches on."""
        for name, parameter in self.peft.named_parameters():
            if f".{START}." in name and ".lora_" in name:
                parameter.requires_grad_(False)


@contextmanager
def injected(model: Model, modules: Sequence[str], shape: AdapterShape) -> Iterator[Injected]:
    """Within it the modules carry an adapter with peft's initial values, from torch's present seed."""
    with warnings.catch_warnings():
        # peft asks transformers by a name that the latter renamed; it is neither's user who can mend it.
        warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated", category=FutureWarning)
        with unread([model.module.get_submodule(name) for name in modules] if shape.dora else []) as parted:
            peft = get_peft_model(model.module, _config(modules, shape))
    _measure_lengths(peft, modules if parted else [])
    try:
        yield Injected(peft, modules, shape)
    finally:
        peft.unload()


@torch.no_grad()
def _measure_lengths(peft: PeftModel, modules: Sequence[str]) -> None:
    """Give the learned lengths of rows their first values where peft could not read the weights."""
    for name in modules:
        module = peft.base_model.model.get_submodule(name)
        weight = whole(module.get_submodule("base_layer").get_parameter("weight"))
        length = module.get_submodule("lora_magnitude_vector.default").get_parameter("weight")
        length.copy_(torch.linalg.norm(weight, dim=1))


def _config(modules: Sequence[str], shape: AdapterShape) -> LoraConfig:
    return LoraConfig(
        r=shape.rank,
        lora_alpha=shape.alpha,
        lora_dropout=shape.dropout,
        use_rslora=shape.rslora,
        use_dora=shape.dora,
        target_modules=list(modules),
    )
