"""A model whose decoder is stored in few bits (bitsandbytes): it is read, never written, and learns by adapters alone.

A change of such a weight is added to what the layer computes and not to the weight, so that nothing is rounded again
and the layer is afterwards what it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from transformers import BitsAndBytesConfig

from benign.errors import UserError, unknown_name
from benign.models.change import LowRank
from benign.models.families.family import Family, linear_modules

Bits = Literal["4bit", "8bit"]
"""NF4 with quantised constants (QLoRA, arXiv 2305.14314), or LLM.int8() (arXiv 2208.07339)."""


def configured(kind: str, family: Family | None, empty: nn.Module, dtype: torch.dtype) -> BitsAndBytesConfig:
    """How transformers is to read the weights: those of the decoder's linear layers in few bits, the rest as they are.

    Args:
        kind: ``4bit`` or ``8bit``.
        family: Tells which layers the decoder's are.
        empty: The model without weights, for the names of its layers.
        dtype: What is computed in.

    Raises:
        UserError: There is no such kind, bitsandbytes is not installed, or the family is not known.
    """
    if kind not in get_args(Bits):
        raise unknown_name("quantisation", kind, list(get_args(Bits)), where="quantize")
    if find_spec("bitsandbytes") is None:
        raise UserError("needs bitsandbytes", where="quantize", fix="pip install 'benign[quantized]'")
    if family is None:
        raise UserError("which layers are the decoder's is not known for this architecture", where="quantize")
    chosen = set(linear_modules(empty, family.language))
    rest = [name for name, part in empty.named_modules() if isinstance(part, nn.Linear) and name not in chosen]
    return BitsAndBytesConfig(
        load_in_4bit=kind == "4bit",
        load_in_8bit=kind == "8bit",
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
        llm_int8_skip_modules=rest,
    )


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
