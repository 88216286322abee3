"""Whole modules, chosen by what they do in the model, move in full; everything else is frozen."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from benign.errors import UserError, unknown_name
from benign.models.families.family import Family
from benign.parts.loci import AdapterShape, Measured
from benign.parts.loci.decoder import inside, layer_numbers
from benign.parts.loci.nearest import nearest

Place = Literal["block", "attention", "mlp", "router", "experts", "embedding", "head", "vision", "projector"]
BELOW_A_LAYER = {
    "block": r".+",
    "attention": r"(?:\w+_)?(?:attn|attention)\..+",
    "mlp": r"(?:\w+_)?(?:mlp|moe|ffn|feed_forward)\..+",
    "router": r"(?:.+\.)?(?:gate|router)\..+",
    "experts": r"(?:.+\.)?experts\..+",
}
"""What each choice is called below a decoder layer, whatever the architecture."""


@dataclass(frozen=True)
class Layers:
    """The MLPs of some layers as in RMU (Li et al. 2024, arXiv 2403.03218), attention alone, whole blocks, one expert
    of a mixture, the embeddings of some tokens, the vision tower or the projector: in any combination."""

    what: tuple[Place, ...] = ("mlp",)
    """``block`` is all of a decoder layer; an ``mlp`` holds its router and its experts."""
    within: tuple[int, ...] = ()
    """Decoder layers to stay within, negative ones from the end; empty means all. Other choices do not look at it."""
    experts: tuple[int, ...] = ()
    """Which experts of each layer; empty means all."""
    rows: tuple[int, ...] = ()
    """Which tokens' rows of the embedding and the head, by token id; empty means all."""

    @property
    def adapter(self) -> AdapterShape | None:
        """None: the weights themselves move."""
        return None

    def names(self, module: nn.Module, family: Family) -> list[str]:
        """The parameters of the chosen modules.

        Raises:
            UserError: One of the choices is none of the model's, or a further choice has nothing to choose from.
        """
        self._refuse_idle_choices()
        found: set[str] = set()
        for place in self.what:
            chosen = self._of(place, module, family)
            if not chosen:
                everything = [name for name, _ in module.named_parameters()]
                fix = f"nearest names: {nearest(place, everything)}"
                raise UserError(f"the model has no {place} to move", where="locus", fix=fix)
            found |= set(chosen)
        return [name for name, _ in module.named_parameters() if name in found]

    def masks(self, module: nn.Module, family: Family, measured: Measured) -> Mapping[str, Tensor]:
        """The chosen rows of the embeddings, and the chosen experts where they are one tensor.

        Raises:
            UserError: There is no such row or expert.
        """
        parameters = dict(module.named_parameters())
        found: dict[str, Tensor] = {}
        if self.rows:
            tables = [name for place in ("embedding", "head") if place in self.what for name in _table(place, module)]
            found |= {name: _first_axis(parameters[name], self.rows, name) for name in tables}
        if self.experts:
            fused = [n for n in self._of("experts", module, family) if _expert(n) is None and parameters[n].dim() == 3]
            found |= {name: _first_axis(parameters[name], self.experts, name) for name in fused}
        return found

    def _of(self, place: str, module: nn.Module, family: Family) -> list[str]:
        if place in ("embedding", "head"):
            return _table(place, module)
        names = [name for name, _ in module.named_parameters()]
        if place in ("vision", "projector"):
            pattern = family.vision if place == "vision" else family.projector
            return [name for name in names if pattern and re.fullmatch(pattern, name)]
        layers = layer_numbers(self.within, module, family)
        return [name for name in names if self._below(name, place, family, layers)]

    def _below(self, name: str, place: str, family: Family, layers: set[int]) -> bool:
        at = inside(name, family)
        if at is None or at[0] not in layers or not re.fullmatch(BELOW_A_LAYER[place], at[1]):
            return False
        return place != "experts" or not self.experts or _expert(name) in (None, *self.experts)

    def _refuse_idle_choices(self) -> None:
        if unknown := [place for place in self.what if place not in get_args(Place)]:
            raise unknown_name("choice of modules", unknown[0], get_args(Place), where="locus")
        if self.experts and "experts" not in self.what:
            raise UserError("experts are chosen, but none move", where="locus", fix='add "experts" to what moves')
        if self.rows and not {"embedding", "head"} & set(self.what):
            raise UserError("rows are chosen, but no table moves", where="locus", fix='add "embedding" to what moves')
        if not self.what:
            raise UserError("nothing is chosen", where="locus", fix=f"choose from {', '.join(get_args(Place))}")


def _table(place: str, module: nn.Module) -> list[str]:
    """The parameters of the token embedding or of the head, by identity: the two may be one tensor with one name."""
    table = getattr(module, "get_input_embeddings" if place == "embedding" else "get_output_embeddings")()
    own = {id(parameter) for parameter in table.parameters()} if table is not None else set()
    return [name for name, parameter in module.named_parameters() if id(parameter) in own]


def _expert(name: str) -> int | None:
    """The number of the expert that a parameter belongs to, or None where one tensor holds them all."""
    found = re.search(r"\.experts\.(\d+)\.", name)
    return int(found[1]) if found else None


def _first_axis(parameter: Tensor, places: Sequence[int], name: str) -> Tensor:
    if lost := [place for place in places if not 0 <= place < parameter.shape[0]]:
        raise UserError(f"no place {lost[0]} among {parameter.shape[0]}", where=name)
    mask = torch.zeros(parameter.shape, dtype=torch.bool, device=parameter.device)
    mask[list(places)] = True
    return mask
