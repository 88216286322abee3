"""A model whose decoder is stored in few bits (bitsandbytes): it is read, never written, and learns by adapters alone.

A change of such a weight is added to what the layer computes and not to the weight, so that nothing is rounded again
and the layer is afterwards what it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import Tensor, nn

from benign.models.change import LowRank


def quantized_linears(module: nn.Module) -> dict[str, nn.Linear]:
    """The linear layers whose weight is stored in few bits, by the weight's name without an injected adapter."""
    return {
        f"{name.removesuffix('.base_layer')}.weight": part
        for name, part in module.named_modules()
        if isinstance(part, nn.Linear) and type(part.weight).__module__.startswith("bitsandbytes")
    }


def make_differentiable(module: nn.Module) -> None:
    """Keep 4-bit layers on a CPU from packing their weights for a kernel that has no backward pass."""
    for layer in quantized_linears(module).values():
        if hasattr(layer, "support_avx512bf16_for_cpu"):
            layer.__dict__["support_avx512bf16_for_cpu"] = False


@contextmanager
def added(layers: Mapping[str, nn.Linear], changes: Mapping[str, Tensor | LowRank]) -> Iterator[None]:
    """Within it each layer computes what it would with its weight changed: x (W + D)^T = x W^T + x D^T.

    Args:
        layers: Linear layers by their weight's name.
        changes: [out, in] differences of some of them.
    """
    with ExitStack() as stack:
        for name, change in changes.items():
            stack.callback(layers[name].register_forward_hook(_adding(change)).remove)
        yield


def _adding(change: Tensor | LowRank) -> Any:
    def add(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        x = inputs[0].float()
        if isinstance(change, LowRank):
            moved = change.scale * (x @ change.a.to(x.device).float().T) @ change.b.to(x.device).float().T
        else:
            moved = x @ change.to(x.device).float().T
        return (output.float() + moved).to(output.dtype)

    return add
