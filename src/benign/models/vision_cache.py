"""What a frozen vision tower sees in a picture, computed once and kept."""

from __future__ import annotations

import hashlib
import inspect
import re
import weakref
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPooling

from benign.data.batch import Batch
from benign.models.collate import PER_TOKEN
from benign.models.load import Model

Features = Tensor | tuple[Tensor, ...]
"""What the vision tower and the projector make of one record's pictures, in the family's own layout."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What a record shows, or nothing."""

    key: str
    """SHA-256 over the names, shapes, types and bytes of the picture tensors; empty where there are none."""
    inputs: Mapping[str, Tensor]
    """The picture tensors."""

    @classmethod
    def of(cls, example: Batch) -> Seen:
        """The pictures of an encoded record, hashed at the first call for it."""
        if example in _HASHED:
            return _HASHED[example]
        inputs = {name: example.inputs[name] for name in sorted(example.inputs) if name not in PER_TOKEN}
        digest = hashlib.sha256()
        for name, tensor in inputs.items():
            digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
            digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
        seen = _HASHED[example] = cls(digest.hexdigest() if inputs else "", inputs)
        return seen


# The encoder gives the same example at every epoch, and hashing the tiles of large pictures takes milliseconds.
_HASHED: weakref.WeakKeyDictionary[Batch, Seen] = weakref.WeakKeyDictionary()


class VisionCache:
    """Features of pictures, the latest used first to stay, for as long as nothing in the tower moves.

    Each record's pictures are computed by themselves, never beside others, so that their features do not depend on
    the batch or on what was kept: with and without a hit, the bits are the same.

    Args:
        cache_bytes: How much memory of the model's device the kept features may take; 1 GiB holds about 220
            pictures of LLaVA-1.5-7B in bfloat16 (576 tokens of 4096 numbers).
    """

    def __init__(self, *, cache_bytes: int = 2**30) -> None:
        self.cache_bytes = cache_bytes
        self.kept_bytes = 0
        """Memory that the kept features take now."""
        self.computed = 0
        """How many records' pictures went through the tower so far."""
        self._kept: OrderedDict[tuple[object, ...], Features] = OrderedDict()
        self._weights: tuple[object, ...] = ()

    @contextmanager
    def serving(self, model: Model, seen: Sequence[Seen]) -> Iterator[None]:
        """Inside, one forward pass over these records takes their features from here.

        Does nothing where features may not be kept: see :func:`still`.

        Args:
            model: The model.
            seen: What each record of the pass shows, in the order of its rows; those that show nothing do not count.

        Raises:
            RuntimeError: The pass did not ask for the features exactly once.
        """
        seen = [one for one in seen if one.key]
        if not seen or not model.family.caches_vision or not still(model):
            yield
            return
        backbone: Any = model.family.backbone_of(model.module)
        own = backbone.get_image_features
        names = list(inspect.signature(own).parameters)
        asked = 0

        def features(*args: object, **options: object) -> BaseModelOutputWithPooling:
            nonlocal asked
            asked += 1
            given = dict(zip(names, args, strict=False)) | options
            return BaseModelOutputWithPooling(pooler_output=_joined([self._of(model, one, own, given) for one in seen]))

        self._forget_moved(model)
        backbone.get_image_features = features
        try:
            yield
        finally:
            del backbone.get_image_features
        if asked != 1:
            raise RuntimeError(f"{model.family.name} asked {asked} times for what it sees in one forward pass")

    def _of(self, model: Model, seen: Seen, own: Any, given: Mapping[str, object]) -> Features:
        key = (seen.key, *_precision(model.module))
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        # The pass gives the tensors of the whole batch, filled up to one size: the record's own take their place.
        options = {name: value for name, value in given.items() if not isinstance(value, Tensor)}
        options |= {name: value.to(model.module.device) for name, value in seen.inputs.items() if name in given}
        with torch.inference_mode(False), torch.no_grad():
            found = own(**options).pooler_output
            # Copies, because a view would keep alive what it is a part of.
            features = found.clone() if isinstance(found, Tensor) else tuple(part.clone() for part in found)
        self.computed += 1
        self._kept[key] = features
        self.kept_bytes += _size_bytes(features)
        while self.kept_bytes > self.cache_bytes:
            self.kept_bytes -= _size_bytes(self._kept.popitem(last=False)[1])
        return features

    def _forget_moved(self, model: Model) -> None:
        """Drop everything if any weight of the tower is another one, or was written to, since the last pass."""
        now = (weakref.ref(model.module), *((t.data_ptr(), t._version, t.dtype) for t in _tensors(model)))
        if now != self._weights:
            self._kept.clear()
            self.kept_bytes, self._weights = 0, now


def cache_of(model: Model) -> VisionCache:
    """The one cache that all who ask a model share, for as long as the model is there."""
    return _SHARED.setdefault(model.module, VisionCache())


_SHARED: weakref.WeakKeyDictionary[nn.Module, VisionCache] = weakref.WeakKeyDictionary()


def still(model: Model) -> bool:
    """Whether the same picture gives the same features at every pass, without gradients.

    False while the vision tower or the projector gets gradients, holds an adapter or a foreign hook (of a guard, say),
    or drops out. Besides, a write to a weight is noticed by torch's version counter; ``parameter.data`` evades it, so
    whoever writes that way takes a new cache.
    """
    trained = torch.is_grad_enabled()
    if any((trained and tensor.requires_grad) or tensor.is_inference() for tensor in _tensors(model)):
        return False
    inside = [part for root in _roots(model) for part in root.modules()]
    return not any(isinstance(part, BaseTunerLayer) or _hooked(part) or _random(part) for part in inside)


def _tensors(model: Model) -> list[Tensor]:
    roots, module = _roots(model), model.module
    loose: list[Tensor] = [t for name in _PLACES[module][1] if isinstance(t := attrgetter(name)(module), Tensor)]
    return [*loose, *(t for root in roots for t in (*root.parameters(), *root.buffers()))]


def _roots(model: Model) -> list[nn.Module]:
    """The outermost modules of the tower and the projector."""
    if model.module not in _PLACES:
        _PLACES[model.module] = _places(model)
    # Asked for by name at every call, because an adapter takes the place of the layer that it wraps.
    return [model.module.get_submodule(path) for path in _PLACES[model.module][0]]


def _places(model: Model) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The paths of the outermost modules of the tower and the projector, and of their tensors outside of these."""
    pattern = re.compile("|".join(filter(None, (model.family.vision, model.family.projector))))
    inside = [name for name, _ in model.module.named_modules() if name and _within(pattern, name)]
    roots = tuple(name for name in inside if not any(name.startswith(f"{other}.") for other in inside))
    named = (*model.module.named_parameters(), *model.module.named_buffers())
    loose = (
        name for name, _ in named if pattern.fullmatch(name) and not name.startswith(tuple(f"{r}." for r in roots))
    )
    return roots, tuple(loose)


def _within(pattern: re.Pattern[str], name: str) -> bool:
    return bool(pattern.fullmatch(name) or pattern.match(f"{name}."))


# Looking through all names of a model costs as much as a layer of it, and a step asks several times.
_PLACES: weakref.WeakKeyDictionary[nn.Module, tuple[tuple[str, ...], tuple[str, ...]]] = weakref.WeakKeyDictionary()


def _hooked(part: nn.Module) -> bool:
    hooks = (*part._forward_hooks.values(), *part._forward_pre_hooks.values())
    # transformers reads hidden states through hooks of its own, which change nothing.
    return any(not str(getattr(hook, "__module__", "")).startswith("transformers.") for hook in hooks)


def _random(part: nn.Module) -> bool:
    if not part.training:
        return False
    rates = (getattr(part, name, 0.0) for name in ("p", "dropout", "attention_dropout", "drop_prob"))
    return isinstance(part, _BatchNorm) or any(isinstance(rate, float) and rate > 0 for rate in rates)


def _precision(module: PreTrainedModel) -> tuple[object, ...]:
    kind = module.device.type
    return (torch.get_autocast_dtype(kind),) if torch.is_autocast_enabled(kind) else ()


def _joined(parts: Sequence[Features]) -> Tensor | list[Tensor]:
    tensors = [part for part in parts if isinstance(part, Tensor)]
    return torch.cat(tensors) if tensors else [tensor for part in parts for tensor in part]


def _size_bytes(features: Features) -> int:
    return features.nbytes if isinstance(features, Tensor) else sum(part.nbytes for part in features)
