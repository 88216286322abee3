"""Statistics: what the original model's modules do on some records, for the edits that ask for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor, nn

from benign.models.families.family import Family
from benign.models.measured import Numbers


class Statistic(Protocol):
    """Numbers about linear modules from what goes into them, token by token; found once and kept."""

    def modules(self, module: nn.Module, family: Family) -> Sequence[str]:
        """The names of the linear modules that are looked at.

        Raises:
            UserError: There is none.
        """
        ...

    def part(self, inputs: Tensor) -> Numbers:
        """What [tokens, features] inputs of one module add: the parts of all batches are summed."""
        ...

    def whole(self, summed: Numbers, tokens: int) -> Numbers:
        """The statistic from the sum of the parts and the number of tokens in it."""
        ...
