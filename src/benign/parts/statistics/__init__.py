"""Statistics: what the original model's modules do on some records, for the edits that ask for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

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


@runtime_checkable
class Curvature(Protocol):
    """Numbers about linear modules from what goes into them and how the answers' predictions depend on what comes out;
    found in two passes over the records, one by one."""

    def modules(self, module: nn.Module, family: Family) -> Sequence[str]:
        """The names of the linear modules that are looked at.

        Raises:
            UserError: There is none.
        """
        ...

    def pull(self, logits: Tensor, labels: Tensor, *, place: int) -> Tensor:
        """[rows, V] what goes backward from a record's [rows, V] logits; a function of these and the record's place."""
        ...

    def part(self, inputs: Tensor, gradients: Tensor) -> Numbers:
        """What one record's [tokens, in] inputs and [tokens, out] gradients of one module add."""
        ...

    def whole(self, summed: Numbers, tokens: int, answer_tokens: int) -> Numbers:
        """The statistic from the sum of the parts, the number of tokens in it and of those that are answers."""
        ...

    def again(self, found: Numbers, inputs: Tensor, gradients: Tensor) -> Numbers:
        """What one record adds in the second pass; empty where one pass is enough."""
        ...

    def refined(self, found: Numbers, summed: Numbers, answer_tokens: int) -> Numbers:
        """The statistic after the second pass."""
        ...
