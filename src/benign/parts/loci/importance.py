"""How much a loss depends on each single weight, estimated from the gradients of records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from benign.errors import UserError


@dataclass(frozen=True)
class Importance:
    """An estimate from the gradients g of the mean cross-entropy of records (each record's own mean over its answer).

    ``fisher`` is the mean of g^2 over single records, the diagonal of the empirical Fisher matrix (Kirkpatrick et al.
    2017, arXiv 1612.00796); ``batch_fisher`` the mean of g^2 over batches, which many official codes call the Fisher
    (SSD, arXiv 2308.07707, and MMUnlearner, arXiv 2502.11051, among them): it is up to ``batch`` times smaller, and
    equal at 1. ``absolute`` is |g| over all records (SalUn, arXiv 2310.12508); ``obd`` is theta^2 times ``fisher``,
    twice the loss that zeroing the weight costs (LeCun et al. 1989, Optimal Brain Damage, with Fisher for Hessian).
    ``variance`` is the mean of g^2 less the square of the mean of g, over batches: the Fisher where records are not
    what the model was trained to say, so that their mean gradient is not zero (VILA, arXiv 2508.21300).
    """

    estimate: Literal["fisher", "batch_fisher", "absolute", "obd", "variance"] = "fisher"
    """Which estimate; see above."""
    batch: int = 1
    """Records per gradient; changes the value of ``batch_fisher`` and ``variance``, and the speed of ``absolute``."""
    per: Literal["records", "tokens"] = "records"
    """What counts alike in a mean: records, or answer tokens as in the official code of FILA (arXiv 2408.06621)."""
    passes: int = 1
    """Passes over the records; from the second one on they are batched in another order, so that ``batch_fisher`` and
    ``variance`` see other batches (official code of VILA: 10). Without batches it changes nothing."""

    @property
    def records(self) -> int:
        """Records per gradient as the estimate really takes them.

        Raises:
            UserError: The batch is less than one record.
        """
        if self.batch < 1 or self.passes < 1:
            what = f"a batch needs at least one record and a set one pass, got {self.batch} and {self.passes}"
            raise UserError(what, where="importance")
        return 1 if self.estimate in ("fisher", "obd") else self.batch

    def orders(self, count: int) -> Iterator[list[int]]:
        """For each pass, the order of the records: as they come, and then by chance that a seed decides."""
        yield list(range(count))
        for number in range(1, self.passes):
            yield torch.randperm(count, generator=torch.Generator().manual_seed(number)).tolist()

    def part(self, gradient: Tensor, count: float) -> Tensor:
        """What the gradient of one batch adds, in float32, where so many records or tokens are in it."""
        found = gradient.detach().float()
        if self.estimate == "variance":
            return count * torch.stack([found, found.square()])
        return count * (found if self.estimate == "absolute" else found.square())

    def whole(self, total: Tensor, weight: Tensor) -> Tensor:
        """The estimate out of the parts' sum over the sum of their counts, of the weight's shape and never negative."""
        if self.estimate == "obd":
            return total * weight.detach().float().square()
        if self.estimate == "variance":
            return (total[1] - total[0].square()).clamp(min=0)
        return total.abs()
