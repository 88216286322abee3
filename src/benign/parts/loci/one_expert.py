"""SEUF's locus (Zhuang et al. 2025, arXiv 2411.18797): the expert that what is forgotten uses most, and its router."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from benign.errors import UserError
from benign.models.families.experts import Router, expert_parameters, routers
from benign.models.families.family import Family
from benign.parts.loci import AdapterShape, Measured
from benign.parts.loci.expert_use import ExpertUse


@dataclass(frozen=True)
class OneExpert:
    """Of all layers' experts, the one with the largest affinity for the forget set, and the router of its layer. All
    else stays bit for bit: where a layer's experts are one tensor, neither gradient nor momentum nor weight decay
    reaches the others. Experts that every token goes through are never chosen."""

    use: ExpertUse = ExpertUse()
    """How the affinity is measured."""
    router: Literal["layer", "row", "none"] = "layer"
    """Whether all of the layer's router moves (paper), only the expert's row of it, or nothing."""
    layer: int | None = None
    """A layer to stay in, from the end if negative; None chooses among all (official code: given)."""
    expert: int | None = None
    """The expert, in the given layer; None measures which (official code: given)."""

    @property
    def adapter(self) -> AdapterShape | None:
        """None: the weights themselves move."""
        return None

    def names(self, module: nn.Module, family: Family) -> list[str]:
        """The parameters of which the expert's are some: all routers and all routed experts to choose from.

        Raises:
            UserError: The model has no experts, or not the given one.
        """
        wanted: set[str] = set()
        for one in self._routers(module, family):
            wanted |= {
                *expert_parameters(module, one),
                *(self._of_router(one, module) if self.router != "none" else ()),
            }
        return [name for name, _ in module.named_parameters() if name in wanted]

    def masks(self, module: nn.Module, family: Family, measured: Measured) -> Mapping[str, Tensor]:
        """True at the expert and at what moves of its router, false everywhere else."""
        parameters, found = dict(module.named_parameters()), dict[str, Tensor]()
        chosen = self.chosen(module, family, measured)
        for one in self._routers(module, family):
            (number,) = chosen.get(one.name, (-1,))
            for name, owner in expert_parameters(module, one).items():
                found[name] = _mask(parameters[name], number if owner is None else (number == owner and number >= 0))
            if self.router != "none":
                for name in self._of_router(one, module):
                    found[name] = _mask(parameters[name], number if self.router == "row" else number >= 0)
        return found

    def chosen(self, module: nn.Module, family: Family, measured: Measured) -> Mapping[str, tuple[int, ...]]:
        """By its router's name, the expert; of equally used ones the first."""
        among = self._routers(module, family)
        if self.expert is not None:
            return {among[0].name: (self.expert,)}
        use = measured(self.use, "forget")
        best = max(among, key=lambda one: float(use[one.name].max()))
        return {best.name: (int(use[best.name].argmax()),)}

    def _routers(self, module: nn.Module, family: Family) -> list[Router]:
        found = routers(module, family)
        if not found:
            fix = "take another locus, such as Layers or Lora"
            raise UserError("the model is no mixture of experts: no layer has a router", where="locus", fix=fix)
        if self.layer is None:
            if self.expert is not None:
                raise UserError("an expert is given and its layer is not", where="locus", fix="give the layer too")
            return found
        number = self.layer + len(family.layers_of(module)) * (self.layer < 0)
        there = [one for one in found if one.layer == number]
        if not there:
            known = ", ".join(str(one.layer) for one in found)
            raise UserError(f"layer {self.layer} has no router", where="locus.layer", fix=f"those that have: {known}")
        if self.expert is not None and not 0 <= self.expert < there[0].count:
            raise UserError(f"no expert {self.expert} among {there[0].count}", where="locus.expert")
        return there

    @staticmethod
    def _of_router(router: Router, module: nn.Module) -> list[str]:
        return [f"{router.name}.{name}" for name, _ in module.get_submodule(router.name).named_parameters()]


def _mask(parameter: Tensor, places: int | bool) -> Tensor:
    """All true or all false, or true in one place of the first axis; what is false throughout takes no memory."""
    if places is True:
        return torch.ones_like(parameter, dtype=torch.bool)
    mask = torch.zeros((), dtype=torch.bool, device=parameter.device).expand(parameter.shape)
    if places is False or places < 0:
        return mask
    mask = mask.clone()
    mask[places] = True
    return mask
