"""Put a locus on a model: what may move is attached and unfrozen, and everything is as it was afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn

from benign.data.atomic import write_bytes
from benign.engine.inject import Injected, injected
from benign.engine.share_masks import shared_masks
from benign.errors import UserError
from benign.models.change import Delta, LowRank
from benign.models.load import Model
from benign.models.quantized import quantized_linears
from benign.models.shard import like, own, part_of, shared, whole
from benign.parts.loci import AdapterShape, Estimate, ExpertLocus, Locus, Measured, Side, StartedLocus

Measure = Callable[[Estimate, Side, Mapping[str, nn.Parameter]], Mapping[str, Tensor]]
"""An importance of the given parameters, by name, for one side of the data."""


class Trainable(Protocol):
    """What an attached locus offers the training loop."""

    parameters: dict[str, nn.Parameter]
    """The moving parameters by name, in a fixed order."""
    masks: Mapping[str, Tensor]
    """True where an entry may move, for those parameters of which only a part does. No gradient reaches the rest."""
    routed: Mapping[str, tuple[int, ...]]
    """By their router's name, the experts that the locus chose, where it chooses any."""
    free_reference: bool
    """Whether the original model can be had at no cost by switching the adapter off."""

    def reference(self) -> AbstractContextManager[None]:
        """Within it the model is the original one; only where ``free_reference``."""
        ...

    def delta(self) -> Delta:
        """What has been learned so far, against the original weights."""
        ...


@contextmanager
def attached(
    model: Model, locus: Locus, *, seed: int, scratch: Path, measure: Measure | None = None
) -> Iterator[Trainable]:
    """Attach a locus for the time of the context; the model's own weights are bit for bit the same afterwards.

    Args:
        model: The model to train; its other parameters are frozen.
        locus: What may move.
        seed: Seeds the adapter's initial values.
        scratch: A folder on disk for the original weights where the weights themselves move.
        measure: Measures importances, for a locus that asks for them.

    Raises:
        UserError: The locus chooses nothing, or not all that was asked for, or weights of few bits.
    """
    before = {name: p.requires_grad for name, p in model.module.named_parameters()}
    model.module.requires_grad_(False)
    try:
        shape = locus.adapter
        if shape is None or shape.dora:
            _refuse_few_bits(model)
        opened = _adapter(model, locus, shape, seed, measure) if shape else _weights(model, locus, scratch, measure)
        with opened as trainable:
            yield trainable
    finally:
        for name, parameter in model.module.named_parameters():
            parameter.requires_grad_(before.get(name, True))
        model.module.eval()


def refuse_untouchable(model: Model) -> None:
    """The model's own weights must lie whole in this process, as numbers that gradients can move.

    Raises:
        UserError: Processes share them, or they are quantised.
    """
    if model.shards:
        raise UserError(
            "this locus needs the model's own weights, and processes share them", where="locus",
            fix="choose Lora, or let every process hold the model (without --use_fsdp)",
        )  # fmt: skip
    _refuse_few_bits(model)


def _refuse_few_bits(model: Model) -> None:
    if quantized_linears(model.module):
        raise UserError(
            "this locus needs the model's own weights, and they are quantised", where="locus",
            fix="choose Lora, or load the model without quantising it",
        )  # fmt: skip


@dataclass
class _Adapter:
    adapter: Injected
    parameters: dict[str, nn.Parameter]
    start: Mapping[str, LowRank]
    """What the adapter began as and what is taken away again, where it did not begin at zero."""
    masks: Mapping[str, Tensor] = field(default_factory=dict)
    routed: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    free_reference: bool = True

    @contextmanager
    def reference(self) -> Iterator[None]:
        peft = self.adapter.peft
        training = peft.training
        peft.eval()
        with peft.disable_adapter():
            yield
        self.adapter.hold_start()
        peft.train(training)

    def delta(self) -> Delta:
        tensors: dict[str, Tensor | LowRank] = {}
        for name in self.adapter.modules:
            a, b = (self.adapter.factor(name, side).detach().clone() for side in "AB")
            change = LowRank(a, b, self.adapter.shape.scale)
            if began := self.start.get(f"{name}.weight"):
                change = _less(change, began)
            turned = self.adapter.shape.dora
            tensors[f"{name}.weight"] = _turned(self.adapter.layer(name), change) if turned else change
        return Delta(tensors)


def _less(change: LowRank, began: LowRank) -> LowRank:
    """The difference of two products as one product, of both ranks together."""
    a, b = began.a.to(change.a), began.b.to(change.b)
    return LowRank(torch.cat([change.a, a]), torch.cat([change.b, -b], dim=1), change.scale)


@torch.no_grad()
def _turned(module: nn.Module, change: LowRank) -> Tensor:
    """[out, in] W' - W, where the rows of W plus the change have the learned lengths (arXiv 2402.09353, eq. 5)."""
    base = module.get_submodule("base_layer").get_parameter("weight")
    weight = whole(base).float()
    length = module.get_submodule("lora_magnitude_vector.default").get_parameter("weight").float()
    moved = weight + change.dense()
    return like(moved * (length / torch.linalg.norm(moved, dim=1))[:, None] - weight, base)


@contextmanager
def _adapter(
    model: Model, locus: Locus, shape: AdapterShape, seed: int, measure: Measure | None
) -> Iterator[Trainable]:
    modules = locus.names(model.module, model.family)
    start = _start(model, locus, modules, measure) if isinstance(locus, StartedLocus) else {}
    torch.manual_seed(seed)
    with injected(model, modules, shape) as adapter:
        if start:
            adapter.begin(start)
        moving = {name: p for name, p in sorted(adapter.peft.named_parameters()) if p.requires_grad}
        yield _Adapter(adapter, moving, start)


def _start(model: Model, locus: StartedLocus, modules: Sequence[str], measure: Measure | None) -> Mapping[str, LowRank]:
    refuse_untouchable(model)
    weights = {f"{name}.weight": model.module.get_parameter(f"{name}.weight") for name in modules}
    return locus.start(weights, _measured(measure, weights))


@dataclass
class _Weights:
    parameters: dict[str, nn.Parameter]
    masks: Mapping[str, Tensor]
    originals: Path
    routed: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    free_reference: bool = False

    def reference(self) -> AbstractContextManager[None]:
        return nullcontext()

    def delta(self) -> Delta:
        with safe_open(self.originals, "pt") as saved:
            own_change = {n: own(p.detach()) - saved.get_tensor(n).to(p.device) for n, p in self.parameters.items()}
            return Delta({n: part_of(p, own_change[n]) for n, p in self.parameters.items()})


@contextmanager
def _weights(model: Model, locus: Locus, scratch: Path, measure: Measure | None) -> Iterator[Trainable]:
    chosen = set(locus.names(model.module, model.family))
    moving = {name: p for name, p in sorted(model.module.named_parameters()) if name in chosen}
    if isinstance(locus, ExpertLocus):
        refuse_untouchable(model)
    measured = _measured(measure, moving)
    masks = _masks(model, locus, moving, measured)
    routed: Mapping[str, tuple[int, ...]] = {}
    if isinstance(locus, ExpertLocus):
        routed = locus.chosen(model.module, model.family, measured)
        masks = {name: mask for name, mask in masks.items() if mask.any()}
        moving = {name: moving[name] for name in moving if name in masks}
    scratch.mkdir(parents=True, exist_ok=True)
    originals = scratch / "originals.safetensors"
    write_bytes(originals, save({n: own(p.detach()).contiguous() for n, p in moving.items()}))
    for parameter in moving.values():
        parameter.requires_grad_(True)
    with ExitStack() as hooks:
        try:
            for name, mask in masks.items():
                hooks.enter_context(_masked_gradient(moving[name], mask))
            yield _Weights(moving, masks, originals, routed)
        finally:
            with safe_open(originals, "pt") as saved, torch.no_grad():
                for name, parameter in moving.items():
                    own(parameter).copy_(saved.get_tensor(name))
            originals.unlink()


def _masks(model: Model, locus: Locus, moving: Mapping[str, nn.Parameter], measured: Measured) -> Mapping[str, Tensor]:
    if model.shards is None:
        return locus.masks(model.module, model.family, measured)
    return shared_masks(moving, lambda ask: locus.masks(model.module, model.family, ask), measured)


def _measured(measure: Measure | None, parameters: Mapping[str, nn.Parameter]) -> Measured:
    def measured(importance: Estimate, side: Side) -> Mapping[str, Tensor]:
        if measure is None:
            raise ValueError("this locus asks for importances, and there is nothing to measure them with")
        return measure(importance, side, parameters)

    return measured


@contextmanager
def _masked_gradient(parameter: nn.Parameter, mask: Tensor) -> Iterator[None]:
    """Within it every gradient is masked where it arises, so that updates see only what can move."""

    def masked(part: Tensor) -> None:
        if part.grad is not None:
            own(part.grad).masked_fill_(~own(mask), 0.0)

    handle = (
        # The gradient of a part is no gradient of a pass: it is put there when the processes have summed it.
        parameter.register_post_accumulate_grad_hook(masked)
        if shared([parameter])
        else parameter.register_hook(lambda gradient: torch.where(mask, gradient, 0.0))
    )
    try:
        yield
    finally:
        handle.remove()
