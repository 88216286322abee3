"""The only thing an objective sees: the model's predictions at the labelled positions, per record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate, pairwise

import torch
from torch import Tensor

from benign.data.softmax import label_logp


@dataclass(frozen=True, eq=False)
class Answers:
    """The answer rows of a batch: one row per labelled token, no prompt and no padding among them."""

    logits: Tensor
    """[rows, V] float32, the prediction of each labelled token."""
    labels: Tensor
    """[rows] the labelled tokens."""
    owner: Tensor
    """[rows] the index in the batch of the record that a row belongs to."""
    count: int
    """How many records the batch holds."""
    reference: Tensor | None = None
    """[rows, V] the reference model's log-probabilities, or None where nothing asks for the whole of them."""
    hidden: Tensor | None = None
    """[rows, H] the hidden states that an objective asked for, or None where they were not kept."""
    reference_hidden: Tensor | None = None
    """[rows, H] the reference model's hidden states at the same place, or None where they were not kept."""
    rival: Answers | None = None
    """The same records with their other answers (what a preference is preferred to), or None."""
    reference_labels: Tensor | None = None
    """[rows] the reference model's log-probability of each label in nats, where nothing asks for more of it."""
    routing: Tensor | None = None
    """[rows, experts] how the router that an objective asked for divides each row among its experts, or None."""
    anchor: Tensor | None = None
    """[experts] 1 for the experts that the locus chose and 0 for the others, where ``routing`` is there."""
    cut_from: tuple[Answers, slice] | None = None
    """The joint rows of which these are a part, so that what is asked of several parts is computed once."""

    @cached_property
    def log_probabilities(self) -> Tensor:
        """[rows, V] log-probabilities over the vocabulary, in nats."""
        return torch.log_softmax(self.logits, dim=-1)

    @cached_property
    def logp(self) -> Tensor:
        """[rows] log-probability of each label, in nats."""
        if self.cut_from is not None:
            whole, rows = self.cut_from
            return whole.logp[rows]
        return label_logp(self.logits, self.labels)

    @cached_property
    def rows_per_record(self) -> Tensor:
        """[count] number of labelled tokens of each record."""
        return torch.bincount(self.owner, minlength=self.count)

    @cached_property
    def logp_per_record(self) -> Tensor:
        """[count] log-probability of each record's whole answer: the sum over its rows, in nats."""
        return self.per_record(self.logp)

    @cached_property
    def reference_logp(self) -> Tensor:
        """[rows] the reference model's log-probability of each label, in nats.

        Raises:
            ValueError: There is no reference model.
        """
        if self.reference_labels is not None:
            return self.reference_labels
        if self.reference is None:
            raise ValueError("these answers carry no reference model")
        return self.reference.gather(-1, self.labels[:, None]).squeeze(-1)

    @cached_property
    def reference_logp_per_record(self) -> Tensor:
        """[count] the reference model's log-probability of each record's whole answer, in nats."""
        return self.per_record(self.reference_logp)

    def per_record(self, rows: Tensor) -> Tensor:
        """[count] the sum of a [rows] tensor over each record's rows."""
        return rows.new_zeros(self.count).index_add(0, self.owner, rows)

    def parted(self, counts: Sequence[int]) -> list[Answers]:
        """The rows of the first ``counts[0]`` records, of the next ``counts[1]``, and so on, as batches of their own.

        The rows lie in the order of the records; whatever refers to another model is left behind.
        """
        records = [0, *accumulate(counts)]
        rows = [0, *self.rows_per_record.cumsum(0).tolist()]
        cuts = [slice(rows[first], rows[last]) for first, last in pairwise(records)]
        sizes = [cut.stop - cut.start for cut in cuts]
        # One split has one backward pass for all parts; slices would each fill a tensor of the whole size.
        logits = torch.split(self.logits, sizes)
        hidden = [None] * len(cuts) if self.hidden is None else torch.split(self.hidden, sizes)
        return [
            Answers(logits[i], self.labels[cut], self.owner[cut] - records[i], counts[i], hidden=hidden[i],
                    cut_from=(self, cut))
            for i, cut in enumerate(cuts)
        ]  # fmt: skip

    def each(self) -> list[Answers]:
        """Every record's rows as a batch of one, with what they have of the reference model and of the other answer."""
        sizes, ones = self.rows_per_record.tolist(), [1] * self.count
        absent: list[None] = [None] * self.count

        def cut(rows: Tensor | None) -> Sequence[Tensor | None]:
            return absent if rows is None else torch.split(rows, sizes)

        reference, labels, hidden = cut(self.reference), cut(self.reference_labels), cut(self.reference_hidden)
        rivals = absent if self.rival is None else self.rival.each()
        return [
            replace(part, reference=reference[i], reference_labels=labels[i], reference_hidden=hidden[i],
                    rival=rivals[i])
            for i, part in enumerate(self.parted(ones))
        ]  # fmt: skip
