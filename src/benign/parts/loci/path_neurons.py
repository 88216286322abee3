"""The weights of single neurons that carry what is forgotten through the layers (MIP-Editor, arXiv 2511.06793)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from benign.errors import UserError
from benign.models.families.family import Family
from benign.models.families.neurons import makers, readers
from benign.parts.loci import AdapterShape, Measured
from benign.parts.loci.neuron_paths import NeuronPaths


@dataclass(frozen=True)
class PathNeurons:
    """Feed-forward neurons on the path of any forget record: what is read of them, or what makes them, moves; all
    else stays bit for bit."""

    text: NeuronPaths | None = NeuronPaths()
    """How the decoder's neurons are found; None leaves the decoder as it is."""
    vision: NeuronPaths | None = NeuronPaths("vision", "fisher")
    """How the vision tower's are found, on the records with pictures; None leaves it as it is. A text model has
    none."""
    weights: Literal["out", "in"] = "out"
    """``out``: the neurons' columns of the module that reads them. ``in``: their rows of the modules that make them,
    which is what the official code trains."""
    least: float = 0.0
    """Share of the records above whose paths a neuron must lie on (official code: 0, any path counts)."""

    @property
    def adapter(self) -> AdapterShape | None:
        """None: the weights themselves move."""
        return None

    def names(self, module: nn.Module, family: Family) -> list[str]:
        """The weights that hold the neurons' columns or rows.

        Raises:
            UserError: The model has no such feed-forward layers, or the share is not within [0, 1).
        """
        if not 0 <= self.least < 1:
            raise UserError(f"the share must be at least 0 and less than 1, got {self.least}", where="locus")
        holders = self._holders(module, family)
        return [name for name, _ in module.named_parameters() if name in holders]

    def masks(self, module: nn.Module, family: Family, measured: Measured) -> Mapping[str, Tensor]:
        """True at the chosen neurons' columns or rows.

        Raises:
            UserError: No neuron is chosen.
        """
        parameters, found = dict(module.named_parameters()), dict[str, Tensor]()
        for paths in self._paths(family):
            found |= measured(paths, "forget")
        masks = {}
        for name, reader in self._holders(module, family).items():
            chosen = found[reader].to(parameters[name].device) > self.least
            neurons = chosen[None, :] if self.weights == "out" else chosen[:, None]
            masks[name] = neurons.expand(parameters[name].shape).clone()
        if not any(bool(mask.any()) for mask in masks.values()):
            raise UserError("no neuron lies on so many paths", where="locus", fix="lower least")
        return masks

    def _paths(self, family: Family) -> list[NeuronPaths]:
        wanted = (self.text, self.vision if family.multimodal else None)
        return [paths for paths in wanted if paths is not None]

    def _holders(self, module: nn.Module, family: Family) -> dict[str, str]:
        """By the name of each weight that moves, the reader of its neurons."""
        names = [name for paths in self._paths(family) for name in on_the_way(paths, module, family)]
        if not names:
            raise UserError("neither the decoder's neurons nor the tower's are to move", where="locus")
        if self.weights == "out":
            return {f"{name}.weight": name for name in names}
        found = {f"{maker}.weight": name for name in names for maker in makers(module, name)}
        if not found:
            fix = 'move what is read of the neurons: weights="out"'
            raise UserError("no linear module beside down_proj or fc2 makes one neuron a row", where="locus", fix=fix)
        return found


def on_the_way(paths: NeuronPaths, module: nn.Module, family: Family) -> list[str]:
    """The modules that read the neurons of each layer on the way, first to last.

    Raises:
        UserError: There are none, a layer has several (experts), or the last layer is none of the model's.
    """
    paths.checked()
    found = [one for one in readers(module, family) if one.seeing == (paths.stack == "vision")]
    if not found:
        what = "no linear module is called down_proj, fc2 or linear_fc2"
        raise UserError(f"the {paths.stack} has no feed-forward neurons: {what}", where="locus")
    if len({one.number for one in found}) < len(found):
        raise UserError("a layer of experts has no single path", where="locus", fix="use another locus")
    if paths.upto is None:
        return [one.name for one in found]
    if paths.stack == "vision":
        raise UserError("only the decoder's paths can end early", where="locus", fix="leave upto out")
    last = family.layer_number(module, paths.upto)
    return [one.name for one in found if one.number <= last]
