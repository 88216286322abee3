"""The weighting axis: how much each of a term's records counts; one that counts nothing is left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor


class Evidence(Protocol):
    """What the model shows of a term's records before training, in their order; found when it is asked for."""

    @property
    def count(self) -> int:
        """How many records there are."""
        ...

    def logp(self) -> Sequence[Tensor]:
        """For each record, [its own answer's tokens], the log-probability of each in nats, from the original model."""
        ...

    def features(self) -> Tensor:
        """[records, H] the mean, over the record's own answer's tokens, of what enters the original model's head."""
        ...

    def gradient_norms(self, points: int) -> Tensor:
        """[records] the length of the gradient of the term's objective on the record alone, in what the stage moves.

        The mean over ``points`` evenly spaced places on the way of the whole stage, run with all records: the first
        is the original model.
        """
        ...

    def alignment(self, *, cosine: bool) -> Tensor:
        """[records] the inner product of the cross-entropy gradient of the record's own answer with that of the
        retained records at hand, at the original model, in what the stage moves.

        Each gradient is of the mean over an answer's tokens, and the retained records' is their mean. ``cosine``
        divides by both lengths.
        """
        ...


class Weighting(Protocol):
    """A pure function of what the model shows, so a resumed run weighs as the straight run would have."""

    def __call__(self, evidence: Evidence, *, seed: int) -> Sequence[float]:
        """One weight for each record, none of them negative, and not all of them zero.

        Raises:
            UserError: A setting is out of its range.
        """
        ...
