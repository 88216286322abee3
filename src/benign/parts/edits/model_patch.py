"""Model Tailor (Zhu et al. 2024, arXiv 2402.12048): keep a sparse patch of a trained delta and make up for the rest.

What was read is the official code (github.com/didizhu-zju/Model-Tailor at e24dafe) and the paper's abstract, not the
paper's equations. The code is SparseGPT (arXiv 2301.00774) with the original weights in the place of zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from benign.errors import UserError
from benign.models.change import Delta, LowRank
from benign.models.measured import Measured
from benign.parts.edits import Edited
from benign.parts.edits.shapes import names_of


class Patch(NamedTuple):
    """A tailored weight delta, [out, in], and which entries of it were kept."""

    delta: Tensor
    kept: Tensor


@dataclass(frozen=True)
class ModelPatch:
    """The delta with all but a share of its entries back at the original, the kept ones after compensation.

    Inputs: the delta, then one or more :class:`benign.parts.statistics.second_moment.SecondMoment` of what the modules
    read; of several the mean counts. With H such a moment, damped, and U the upper Cholesky factor of its inverse, an
    entry's score is the mean of two z-scores over its row's entries in the block of columns: its salience |delta| and
    its sensitivity (w / U_jj)^2, w the trained weight. Column by column what is not kept goes back, and the columns
    after it take over what it did to the module's outputs (Optimal Brain Surgeon: Hassibi & Stork 1993). What no
    moment was measured for (a bias, an embedding) keeps its most salient entries as they are. An entry that training
    left as it was stays so, whatever its score: a locus' mask holds.
    """

    share: float = 0.1
    """Share of the entries that stay (paper: at most 0.1), of each block of columns."""
    salience: float = 0.5
    """Weight of the salience in the score; the sensitivity has the rest (official code: 0.5)."""
    compensation: Literal["surgeon", "reversed", "none"] = "surgeon"
    """``reversed`` has the sign of the official code, which moves the kept entries the other way: the module's outputs
    end further from the trained ones than without compensation."""
    damping: float = 0.01
    """Added to H's diagonal, in units of its mean (official code: 0.01)."""
    block: int = 128
    """Columns whose entries are chosen together (official code: 128)."""

    def __call__(self, delta: Delta, *moments: Measured) -> Edited:
        """The patch, dense, with the share ``kept`` of each parameter and, where its inputs were measured, ``lost``:
        the mean squared difference to the trained delta's outputs, over their mean square.

        Raises:
            UserError: A share or a weight is not within [0, 1], the damping is not above 0, or no moment was given.
        """
        self._refuse_what_means_nothing(moments)
        tensors: dict[str, Tensor | LowRank] = {}
        facts = {}
        for name in names_of([delta], where="model_patch"):
            full, module = delta.dense(name).float(), name.removesuffix(".weight")
            found = [one.numbers[module]["moment"].to(full.device) for one in moments if module in one.numbers]
            if not found:
                kept = most(full.abs(), self.share)
                tensors[name] = torch.where(kept, full, 0.0)
                facts[name] = {"kept": float(kept.float().mean())}
                continue
            weight = next(one.weights[module] for one in moments if module in one.numbers)
            moment = torch.stack(found).mean(0).float()
            patch = self.tailored(weight.to(full.device).float(), full, moment)
            lost = squares(patch.delta - full, moment) / squares(full, moment).clamp(min=1e-38)
            tensors[name] = patch.delta
            facts[name] = {"kept": float(patch.kept.float().mean()), "lost": float(lost)}
        return Edited(Delta(tensors), facts)

    def tailored(self, weight: Tensor, delta: Tensor, moment: Tensor) -> Patch:
        """One module's patch.

        Args:
            weight: [out, in] the original weight.
            delta: [out, in] its trained change.
            moment: [in, in] the mean of x x^T over what the module reads.
        """
        upper = inverse_factor(moment, self.damping)
        given, left = delta.abs(), delta.clone()
        kept = torch.zeros_like(delta, dtype=torch.bool)
        sign = {"surgeon": -1.0, "reversed": 1.0, "none": 0.0}[self.compensation]
        for start in range(0, delta.shape[1], self.block):
            here = slice(start, min(start + self.block, delta.shape[1]))
            sensitivity = ((weight + left)[:, here] / upper.diagonal()[here]).square()
            score = self.salience * standard(given[:, here]) + (1 - self.salience) * standard(sensitivity)
            moved = delta[:, here] != 0
            kept[:, here] = most(score.masked_fill(~moved, -torch.inf), self.share) & moved
            for column in range(here.start, here.stop):
                gone = torch.where(kept[:, column], 0.0, left[:, column]) / upper[column, column]
                left[:, column + 1 :] += sign * torch.outer(gone, upper[column, column + 1 :])
        return Patch(torch.where(kept, left, 0.0), kept)

    def _refuse_what_means_nothing(self, moments: Sequence[Measured]) -> None:
        for what, value in (("share", self.share), ("weight of the salience", self.salience)):
            if not 0 <= value <= 1:
                raise UserError(f"the {what} must be within 0 and 1, got {value}", where="model_patch")
        if not self.damping > 0 or self.block < 1:
            raise UserError("the damping must be above 0, and a block has at least one column", where="model_patch")
        if not moments:
            raise UserError("no second moment of what the modules read was given", where="model_patch")


def inverse_factor(moment: Tensor, damping: float) -> Tensor:
    """[in, in] the upper triangular U with U^T U the inverse of the damped moment.

    A module that reads nothing but zeros has the identity for its moment: no column says anything of another.
    """
    mean = moment.diagonal().mean()
    damped = moment + torch.eye(len(moment)).to(moment) * (damping * mean if mean > 0 else 1.0)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(damped))
    upper: Tensor = torch.linalg.cholesky(inverse, upper=True)
    return upper


def most(score: Tensor, share: float) -> Tensor:
    """True for the share of entries with the largest scores, rounded, of equals the first."""
    chosen = torch.zeros(score.numel(), dtype=torch.bool, device=score.device)
    chosen[score.flatten().argsort(descending=True, stable=True)[: round(share * score.numel())]] = True
    return chosen.view_as(score)


def standard(values: Tensor) -> Tensor:
    """Each row's z-scores (by n - 1); zero where a row has no spread."""
    if values.shape[1] < 2:
        return torch.zeros_like(values)
    spread = values.std(1, keepdim=True)
    return torch.where(spread > 0, (values - values.mean(1, keepdim=True)) / spread, 0.0)


def squares(delta: Tensor, moment: Tensor) -> Tensor:
    """The mean square of a module's change of output, summed over its outputs: tr(D M D^T)."""
    return (delta @ moment * delta).sum()
