"""The difference between the unlearned and the original weights, as a value."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor, nn

from benign.errors import UserError
from benign.models.shard import like, shared, whole
from benign.models.vocabulary import NewToken


@dataclass(frozen=True, eq=False)
class LowRank:
    """A difference ``scale * b @ a`` of one linear module's weight."""

    a: Tensor
    """[r, in]"""
    b: Tensor
    """[out, r]"""
    scale: float

    def dense(self) -> Tensor:
        """[out, in] the difference itself, in float32."""
        return self.scale * (self.b.float() @ self.a.float())

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the weight that it changes."""
        return (self.b.shape[0], self.a.shape[1])


@dataclass(frozen=True, eq=False)
class Delta:
    """The changed parameters of a model, by the names of ``model.module.named_parameters()``."""

    tensors: Mapping[str, Tensor | LowRank]
    tokens: Mapping[str, NewToken] = field(default_factory=dict)
    """Tokens that the model gets, by their text."""

    @property
    def is_low_rank(self) -> bool:
        """Whether every difference is a product of two thin matrices."""
        return all(isinstance(change, LowRank) for change in self.tensors.values())

    def dense(self, name: str) -> Tensor:
        """The full difference of one parameter."""
        change = self.tensors[name]
        return change.dense() if isinstance(change, LowRank) else change

    @cached_property
    def digest(self) -> str:
        """SHA-256 over names, shapes, types and bytes, whatever the order of the names."""
        found = hashlib.sha256()
        for name, change in sorted(self.tensors.items()):
            parts = [("", change)] if isinstance(change, Tensor) else [("a", change.a), ("b", change.b)]
            scale = None if isinstance(change, Tensor) else change.scale
            for part, tensor in parts:
                found.update(json.dumps([name, part, scale, str(tensor.dtype), list(tensor.shape)]).encode())
                found.update(_bytes(tensor))
        for text, token in sorted(self.tokens.items()):
            found.update(json.dumps(["token", text, token.id]).encode())
            found.update(_bytes(token.embedding) + _bytes(token.head))
        return found.hexdigest()


def collected(delta: Delta, *, keep: bool) -> Delta:
    """A delta of which every process has parts, put together in those that keep it; the others end without it.

    Every process must come here. A delta that nobody shares is as it was.
    """
    if not any(shared([change]) for change in delta.tensors.values() if isinstance(change, Tensor)):
        return delta
    found: dict[str, Tensor | LowRank] = {}
    for name, change in delta.tensors.items():
        full = change if isinstance(change, LowRank) else whole(change)
        if keep:
            found[name] = full if isinstance(full, LowRank) else full.cpu()
    return Delta(found)


def _bytes(tensor: Tensor) -> bytes:
    flat = whole(tensor.detach()).cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().tobytes()


def parameters(module: nn.Module) -> dict[str, nn.Parameter]:
    """A model's own parameters by the names they have without an injected adapter."""
    return {
        name.replace(".base_layer.", "."): parameter
        for name, parameter in module.named_parameters()
        if ".lora_" not in name
    }


def checked(delta: Delta, module: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that a delta changes.

    Raises:
        UserError: The model has no such parameter, or one of another shape.
    """
    known = parameters(module)
    for name, change in delta.tensors.items():
        if name not in known:
            raise UserError(f"the model has no parameter {name!r}", fix="the delta belongs to another model")
        shape = _shape(module, name, known[name])
        if tuple(change.shape) != shape:
            shapes = f"{tuple(change.shape)} for a weight of shape {shape}"
            raise UserError(f"{name}: a change of shape {shapes}")
    return {name: known[name] for name in delta.tensors}


def _shape(module: nn.Module, name: str, parameter: nn.Parameter) -> tuple[int, ...]:
    """The shape as the layer computes with it: few-bit storage has a shape of its own."""
    owner = module.get_submodule(name.rpartition(".")[0])
    layer = owner.get_submodule("base_layer") if hasattr(owner, "base_layer") else owner
    if isinstance(layer, nn.Linear) and not parameter.is_floating_point():
        return layer.out_features, layer.in_features
    return tuple(parameter.shape)


@torch.no_grad()
def add(delta: Delta, targets: Mapping[str, nn.Parameter]) -> None:
    """Adds the differences to the parameters, in float32, rounded once to the parameters' own type."""
    for name, parameter in targets.items():
        change = delta.tensors[name]
        full = change.dense() if isinstance(change, LowRank) else change
        parameter.copy_((parameter.float() + like(full.float(), parameter)).to(parameter.dtype))
