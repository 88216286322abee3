"""Statistics: what the original model's modules do on some records, for the edits that ask for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, runtime_checkable

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
    """Numbers about linear modules from what goes into them and the gradient of the answers' log-probability by what
    comes out; found in two passes over the records, one by one."""

    @property
    def labels(self) -> Literal["drawn", "given"]:
        """Whose log-probability: answers drawn from the model token by token, or the records' own."""
        ...

    @property
    def seed(self) -> int:
        """Seeds the drawing, with the record's place."""
        ...

    def modules(self, module: nn.Module, family: Family) -> Sequence[str]:
        """The names of the linear modules that are looked at.

        Raises:
            UserError: There is none.
        """
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
