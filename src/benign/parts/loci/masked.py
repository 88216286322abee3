"""Single weights: those that matter for what is forgotten and not for what is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor, nn

from benign.errors import UserError
from benign.models.families.family import Family
from benign.parts.loci import AdapterShape, Locus, Measured
from benign.parts.loci.all_weights import AllWeights
from benign.parts.loci.importance import Importance


@dataclass(frozen=True)
class Masked:
    """Of another locus' weights, those whose importance for the forget set is high relative to the retain set's.

    With one of both: ``share`` keeps so many entries of the whole locus, as SalUn does with the forget gradient alone
    (Fan et al. 2024, arXiv 2310.12508); ``threshold`` keeps the entries whose ratio is at least so much, as MMUnlearner
    does (Huo et al. 2025, arXiv 2502.11051). An entry without forget importance never moves. All others stay as they
    are, bit for bit: neither gradient nor momentum nor weight decay reaches them.
    """

    over: Locus = AllWeights()
    """The weights to choose from; no adapter."""
    importance: Importance = Importance()
    """The estimate, for both sides."""
    share: float | None = 0.5
    """Share of the entries that may move (SalUn's official code: 0.5); None where a threshold is given."""
    threshold: float | None = None
    """Least ratio of forget to retain importance (MMUnlearner's official code: 1)."""
    damping: float = 0.0
    """Added to the retain importance, in units of its mean, so that entries that matter for neither do not win by a
    small denominator (0: the plain ratio, as in the official codes)."""

    @property
    def adapter(self) -> AdapterShape | None:
        """None: the weights themselves move."""
        return None

    def names(self, module: nn.Module, family: Family) -> list[str]:
        """What the other locus chooses.

        Raises:
            UserError: The other locus is an adapter, or not exactly one of share and threshold is given.
        """
        if self.over.adapter is not None:
            fix = "mask weights of the model, for example AllWeights() or Layers()"
            raise UserError("an adapter has no importance before it is trained", where="locus", fix=fix)
        if (self.share is None) == (self.threshold is None):
            raise UserError("a mask needs a share or a threshold, and not both", where="locus")
        if self.share is not None and not 0 < self.share <= 1:
            raise UserError(f"the share must be above 0 and at most 1, got {self.share}", where="locus")
        return self.over.names(module, family)

    def masks(self, module: nn.Module, family: Family, measured: Measured) -> Mapping[str, Tensor]:
        """True where an entry is chosen.

        Raises:
            UserError: No entry is.
        """
        names, parameters = self.over.names(module, family), dict(module.named_parameters())
        of_others = self.over.masks(module, family, measured)
        forget, retain = measured(self.importance, "forget"), measured(self.importance, "retain")
        # Of the importances' kind and place: a parameter itself may lie in parts on several devices.
        allowed = {name: torch.ones_like(forget[name], dtype=torch.bool) for name in names}
        allowed |= {name: mask.to(forget[name].device) for name, mask in of_others.items()}
        # One row over all parameters, because the share is one of the whole locus.
        flat = [torch.cat([part[name].flatten() for name in names]) for part in (forget, retain, allowed)]
        chosen = self._chosen(ratio(flat[0], flat[1], self.damping).masked_fill(~flat[2], 0.0), int(flat[2].sum()))
        if not chosen.any():
            raise UserError("no weight is more important for what is forgotten", where="locus", fix="lower threshold")
        parts = torch.tensor_split(chosen, _ends([parameters[name].numel() for name in names]))
        return {name: part.view_as(parameters[name]) for name, part in zip(names, parts, strict=True)}

    def _chosen(self, scores: Tensor, allowed: int) -> Tensor:
        if self.threshold is not None:
            return (scores >= self.threshold) & (scores > 0)
        return largest(scores, max(1, round((self.share or 0.0) * allowed)))


def _ends(sizes: list[int]) -> list[int]:
    """Where each part but the last one ends."""
    return list(accumulate(sizes))[:-1]


def ratio(forget: Tensor, retain: Tensor, damping: float = 0.0) -> Tensor:
    """[n] forget over (retain + damping mean(retain)): 0 where forget is 0, infinite where only retain is."""
    below = retain + damping * retain.mean()
    return torch.where(forget > 0, forget / below, torch.zeros_like(forget))


def largest(scores: Tensor, count: int) -> Tensor:
    """[n] true at the ``count`` largest positive scores; among equal ones the first win."""
    least = scores.kthvalue(len(scores) - count + 1).values
    above, equal = scores > least, scores == least
    left = count - above.sum()
    return (above | (equal & (equal.cumsum(0) <= left))) & (scores > 0)
