"""Where the experts of a mixture are: the routers of the decoder's layers, and the parameters of each expert."""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from benign.errors import UserError
from benign.models.families.family import Family

_ROUTER = ("gate", "router")


@dataclass(frozen=True)
class Router:
    """A module that chooses experts for each token of one decoder layer."""

    name: str
    layer: int
    """The decoder layer's number."""
    experts: str
    """Dotted path of the module that holds the routed experts; those that every token goes through lie elsewhere."""
    count: int
    """How many experts it chooses from."""
    top: int
    """How many it chooses for a token."""


def routers(module: nn.Module, family: Family) -> list[Router]:
    """The routers of the decoder, first to last; none where no layer has any."""
    pattern = re.compile(rf"{re.escape(family.layers)}\.(\d+)\.(?:.+\.)?({'|'.join(_ROUTER)})")
    parts, found = dict(module.named_modules()), []
    for name, part in parts.items():
        at, block = pattern.fullmatch(name), name.rpartition(".")[0]
        weight = getattr(part, "weight", None)
        if at and f"{block}.experts" in parts and isinstance(weight, Tensor) and weight.dim() == 2:
            top = getattr(part, "top_k", None) or getattr(parts[block], "top_k", None) or _configured(module)
            found.append(Router(name, int(at[1]), f"{block}.experts", weight.shape[0], int(top)))
    return found


def expert_parameters(module: nn.Module, router: Router) -> dict[str, int | None]:
    """The parameters of a router's experts by name: the number of the expert that one belongs to, or None where one
    tensor holds them all along its first axis."""
    below = f"{router.experts}."
    found: dict[str, int | None] = {}
    for name, parameter in module.named_parameters():
        if name.startswith(below):
            number = name.removeprefix(below).partition(".")[0]
            found[name] = int(number) if number.isdigit() else None
            if not number.isdigit() and parameter.shape[0] != router.count:
                raise UserError(f"the experts of {name} cannot be told apart", where="locus")
    return found


def probabilities(router: nn.Module, inputs: Tensor) -> Tensor:
    """[rows, experts] float32, how a router divides each row of its inputs among all its experts: the softmax of its
    logits. Routers that choose by something else are described by it all the same, as in the official code of SEUF."""
    bias = getattr(router, "bias", None)
    weight = router.get_parameter("weight")
    return F.linear(inputs.float(), weight.float(), bias.float() if isinstance(bias, Tensor) else None).softmax(-1)


def _configured(module: nn.Module) -> int:
    config = getattr(module, "config", None)
    text = config.get_text_config() if config is not None else None
    return int(getattr(text, "num_experts_per_tok", 1))
