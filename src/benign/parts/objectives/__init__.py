"""The objective axis: what is minimised, as a function of answer rows alone."""

from __future__ import annotations

from typing import ClassVar, Literal, Protocol

from torch import Tensor

from benign.data.answers import Answers

Need = Literal[False, "labels", "rows"]
"""Nothing, one number per answer token, or the vocabulary's: a hundred thousand times as much to compute and keep."""


class Objective(Protocol):
    """One scalar loss per term; terms stay apart until the update joins them."""

    needs_reference: ClassVar[Need]
    """What of the frozen original's log-probabilities must be filled in: those of the labels
    (``answers.reference_logp``), those of the whole vocabulary (``answers.reference``), or nothing."""
    mean_over: ClassVar[Literal["rows", "records"]]
    """What the loss averages over, so that micro-batches can be joined exactly."""

    def __call__(self, answers: Answers) -> Tensor:
        """The loss, a scalar in nats (or the objective's own unit, given in its docstring)."""
        ...


class HiddenObjective(Objective, Protocol):
    """An objective that looks at hidden states: ``answers.hidden`` is filled."""

    needs_reference_hidden: ClassVar[bool]
    """Whether ``answers.reference_hidden`` must be filled too."""

    @property
    def layer(self) -> int | float:
        """The decoder layer after which the states are taken: from 0, from the end if negative, or as the fraction of
        the layers below it."""
        ...


class RoutedObjective(Objective, Protocol):
    """An objective that looks at the router of the expert that the locus chose: ``answers.routing`` and
    ``answers.anchor`` are filled."""

    needs_routing: ClassVar[Literal[True]]


class Preference(Objective, Protocol):
    """An objective that compares two answers to a question; ``answers.rival`` is filled (with a reference of its own
    where ``needs_reference``) from the term's ``against`` target."""

    compares: ClassVar[Literal[True]]
