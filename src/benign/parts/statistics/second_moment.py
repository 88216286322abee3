"""How the inputs of linear modules hang together: what a layer-wise Hessian is made of (arXiv 2301.00774)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from benign.models.families.family import Family, linear_modules
from benign.models.measured import Numbers


@dataclass(frozen=True)
class SecondMoment:
    """``moment``, the mean over tokens of x x^T, [in, in] float32: half the Hessian, in each row of the weight, of a
    module's mean squared change of output.

    It takes as much memory and disk as the inputs' width squared: 64 MiB for a module that reads 4096 numbers.
    """

    over: str = ""
    """Regular expression on module names; empty means every linear module of the language model, as in LoRA."""

    def modules(self, module: nn.Module, family: Family) -> Sequence[str]:
        """The linear modules that the expression full-matches.

        Raises:
            UserError: Nothing matches (the nearest names are listed).
        """
        return linear_modules(module, self.over or family.language)

    def part(self, inputs: Tensor) -> Numbers:
        """The sum of x x^T over tokens."""
        x = inputs.float()
        return {"moment": x.T @ x}

    def whole(self, summed: Numbers, tokens: int) -> Numbers:
        """The mean over tokens."""
        return {"moment": summed["moment"] / tokens}
