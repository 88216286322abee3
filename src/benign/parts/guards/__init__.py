"""The guard axis: what happens at inference time, before the weights: a filter, and never an erasure.

A guard decides with tensors alone; where it takes hold of the model is the engine's. It takes hold of one of three
places, in scoring exactly as in generation: what enters the first decoder layer, what leaves decoder layers, or the
logits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, Protocol

from torch import Tensor

from benign.data.record import Data, Kind, Record
from benign.models.change import Delta

Tensors = Mapping[str, Tensor]
"""What a guard knows once it is fitted, by name; it is saved with the result."""
Layer = int | float
"""A decoder layer: from 0, from the end if negative, or as the fraction of the layers below it."""


@dataclass(frozen=True)
class Fit:
    """What fitting a guard gave, and what it says about it for the report."""

    tensors: Tensors
    facts: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Named numbers by what they are about, such as how often a detector is right on its own data."""


class Prompt(NamedTuple):
    """One prompt as it enters the decoder: T tokens, the places of pictures among them."""

    embedded: Tensor
    """[T, H] what enters the first decoder layer, pictures in their places."""
    tokens: Tensor
    """[T] the tokens."""
    pictures: Tensor
    """[T] true where a picture stands."""


class Fitting(Protocol):
    """What a guard may ask for while it is fitted: the engine's."""

    @property
    def data(self) -> Data:
        """All records."""
        ...

    @property
    def seed(self) -> int:
        """What chance may depend on."""
        ...

    def records(self, on: str, kinds: tuple[Kind, ...] = ("memory",)) -> tuple[Record, ...]:
        """The records of ``forget``, ``keep`` (the few retained ones where given), ``retain`` or ``strangers``.

        Raises:
            UserError: There are none.
        """
        ...

    def tokens(self, record: Record) -> Tensor:
        """[T] the tokens of a record's question."""
        ...

    def states(self, records: Sequence[Record], layers: Sequence[Layer]) -> Tensor:
        """[records, layers, H] the output of decoder layers at the last token of each question."""
        ...

    def urged(
        self, records: Sequence[Record], answers: Sequence[str], layers: Sequence[Layer], budget: float, steps: int
    ) -> Tensor:
        """The same, after what enters the decoder was moved by gradient signs so that the model gives the answers.

        Args:
            records: The questions.
            answers: What each is to be answered.
            layers: Where to look.
            budget: How far an entry may move, in standard deviations of what enters.
            steps: Steps of the sign of the gradient, each a quarter of the budget.
        """
        ...

    def likelihood(self, tensors: Tensors | None, records: Sequence[Record], answers: Sequence[str]) -> list[float]:
        """How likely each answer's tokens are (their geometric mean, 0 to 1), behind the guard with these tensors or,
        with None, without it."""
        ...


class Guard(Protocol):
    """What stands between a question and the weights."""

    spares: ClassVar[bool]
    """Whether a prompt that it does not fire on keeps every logit bit for bit."""

    def fit(self, fitting: Fitting, inputs: Sequence[Any]) -> Fit:
        """What it needs to know, from the records and from what earlier stages of the recipe yielded (``inputs``)."""
        ...


class PromptGuard(Guard, Protocol):
    """A guard that looks at a question, and where it fires changes what enters the decoder."""

    @property
    def watches(self) -> tuple[Layer, ...]:
        """The decoder layers whose output at the last token of the question it looks at."""
        ...

    def fires(self, tensors: Tensors, states: Tensor, tokens: Sequence[Tensor]) -> Tensor:
        """[records] whether it fires, from [records, layers, H] states and the tokens of each question."""
        ...

    def changed(self, tensors: Tensors, prompt: Prompt) -> Tensor:
        """[T, H] what enters the decoder in place of ``prompt.embedded``; a function of the prompt alone."""
        ...


class StateGuard(Guard, Protocol):
    """A guard that moves what leaves decoder layers on all tokens of a question, and on none of the answer's."""

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The decoder layers after which it moves the states."""
        ...

    def shift(self, tensors: Tensors, layer: Layer, last: Tensor) -> Tensor:
        """[records, H] what is added, from the [records, H] states at the last token of each question."""
        ...


class LogitGuard(Guard, Protocol):
    """A guard that joins the model's logits with those of an assistant that is made of its first layers."""

    @property
    def depth(self) -> int:
        """How many decoder layers the assistant has."""
        ...

    def assistant(self, tensors: Tensors) -> Delta:
        """The change of the model's weights that makes the assistant of its first layers."""
        ...

    def joined(self, logits: Tensor, other: Tensor) -> Tensor:
        """[..., V] the logits that are used, from the model's and the assistant's."""
        ...
