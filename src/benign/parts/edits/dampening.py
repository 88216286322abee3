"""Selective synaptic dampening (Foster et al. 2024, arXiv 2308.07707): shrink what matters for forgetting above all.

The official code is github.com/if-loops/selective-synaptic-dampening (read at cdfdc0e). The paper's min(r theta, theta)
lets a negative weight grow where r > 1; the multiplier itself is bounded by 1 here, as in the code.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from benign.errors import UserError
from benign.models.change import Delta
from benign.models.measured import Measured
from benign.parts.edits import Edited


class Dampened(NamedTuple):
    """What is added to a weight, and which of its entries were selected; both of the weight's shape."""

    delta: Tensor
    selected: Tensor


def dampened(weight: Tensor, forget: Tensor, everything: Tensor, alpha: float, strength: float = 1.0) -> Dampened:
    """Where forget > alpha * everything, the weight times min(strength * everything / forget, 1); else unchanged.

    Args:
        weight: The original weight, of any shape.
        forget: Its importance for the forget set, of the same shape, not negative.
        everything: Its importance for all the training data, the forget set among it.
        alpha: How many times more important a weight must be to be selected; infinity selects nothing.
        strength: lambda; the smaller, the more is taken away.
    """
    selected = forget > alpha * everything
    factor = (strength * everything / forget.clamp(min=torch.finfo(forget.dtype).tiny)).clamp(max=1.0)
    return Dampened(torch.where(selected, weight.to(forget) * (factor - 1), 0.0), selected)


@dataclass(frozen=True)
class Dampening:
    """Inputs: the importance of the weights for the forget set, then for what is kept; both made by one estimate.

    The importance for all the training data is the mean of the two by their numbers of records. What is forgotten
    counts in it, so a ratio cannot exceed the inverse of the forget set's share: an alpha above that selects nothing.
    """

    alpha: float = 10.0
    """How many times more a weight must matter for the forget set than for all data (official code: 10 for ResNet18;
    5, 10 and 25 for ViT). The one number to search for: too small a one takes what is kept along."""
    strength: float = 1.0
    """lambda: what is left of a selected weight is so many times the ratio of importances (official code: 1)."""
    share: float | None = None
    """Share of the weights to select, in place of alpha, which is then the ratio that so many exceed (the idea of
    adaptive SSD, arXiv 2402.10098; its formula for the share was not read)."""
    forget_share: float | None = None
    """The forget set's share of all the training data; None is what the records at hand say."""

    def __call__(self, forget: Measured, keep: Measured) -> Edited:
        """The delta of the weights of which any was selected, dense, with the share ``selected`` of each and ``alpha``.

        Raises:
            UserError: Nothing is selected, a setting is out of its range, or the inputs are of different weights.
        """
        part = self._checked(forget, keep)
        mattering = {name: found["importance"].float() for name, found in forget.numbers.items()}
        everything = {
            name: part * mattering[name] + (1 - part) * found["importance"].float().to(mattering[name])
            for name, found in keep.numbers.items()
        }
        ratios = {name: _ratio(mattering[name], everything[name]) for name in mattering}
        alpha = self.alpha if self.share is None else _exceeded(ratios, self.share)
        tensors, facts = {}, {}
        for name in sorted(mattering):
            weight = forget.weights[name].to(mattering[name].device)
            found = dampened(weight, mattering[name], everything[name], alpha, self.strength)
            if found.selected.any():
                tensors[name] = found.delta
                facts[name] = {"selected": float(found.selected.double().mean()), "alpha": alpha}
        if not tensors:
            raise _nothing(alpha, max(float(ratio.max()) for ratio in ratios.values()), part)
        return Edited(Delta(tensors), facts)

    def _checked(self, forget: Measured, keep: Measured) -> float:
        """The forget set's share of all the data."""
        if not self.alpha >= 0 or not self.strength >= 0:
            raise UserError("alpha and strength must not be negative", where="dampening")
        if self.share is not None and not 0 < self.share <= 1:
            raise UserError(f"the share must be above 0 and at most 1, got {self.share}", where="dampening")
        if set(forget.numbers) != set(keep.numbers) or not forget.numbers:
            raise UserError("the two importances are not of the same weights", where="dampening")
        if self.forget_share is not None:
            if not 0 <= self.forget_share < 1:
                raise UserError(f"no share of all data: {self.forget_share}", where="forget_share")
            return self.forget_share
        if not forget.records or not keep.records:
            raise UserError("nobody said how many records there are", where="dampening", fix="give forget_share")
        return forget.records / (forget.records + keep.records)


def _ratio(forget: Tensor, everything: Tensor) -> Tensor:
    """The ratio of importances: 0 where nothing matters, infinite where only the forget set does."""
    return torch.where(forget > 0, forget / everything, 0.0)


def _exceeded(ratios: Mapping[str, Tensor], share: float) -> float:
    """The largest ratio that at least so many entries exceed, just below the last of them."""
    flat = torch.cat([ratio.flatten() for ratio in ratios.values()])
    count = max(1, round(share * len(flat)))
    least = flat.kthvalue(len(flat) - count + 1).values
    return max(0.0, math.nextafter(float(least), 0.0) * (1 - 1e-6))


def _nothing(alpha: float, largest: float, part: float) -> UserError:
    most = f"; no ratio can exceed {1 / part:.3g}, the inverse of the forget set's share" if part else ""
    return UserError(
        f"nothing was dampened: no weight matters {alpha:.3g} times more for the forget set than for all data{most}",
        where="alpha",
        fix=f"the largest ratio here is {largest:.3g}: choose an alpha below it, or a share of the weights",
    )
