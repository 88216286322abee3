"""The tokens of an answer that tell it from its wrong alternatives, and the models' inner states where they are due.

Most tokens of "The capital of France is Paris." are grammar. What was to be forgotten is in the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from benign.audit.plan import spread
from benign.data.batch import Batch
from benign.data.record import Record, of_kind
from benign.engine.serve import Served, stacked
from benign.models.collate import IGNORED, collate
from benign.models.load import Model
from benign.models.pack import together
from benign.models.states import layer_states


def cluster(record: Record) -> str:
    """What a bootstrap draws as one: the record's subject, or the record itself where it has none."""
    return record.subject or record.id


@contextmanager
def at_work(served: Served) -> Iterator[Model]:
    """The model as it is deployed: its deltas on, no dropout, no gradients; afterwards as it was."""
    module = served.model.module
    training = module.training
    module.eval()
    try:
        with torch.no_grad(), stacked(served.model, served.deltas):
            yield served.model
    finally:
        module.train(training)


def telling(model: Model, record: Record) -> Batch:
    """The record with its answer, labelled only where the answer differs from the wrong ones that the record brings.

    What all of them begin and end with alike is left out; without wrong ones, or where nothing would remain, it is
    the whole answer but for the token that ends it.
    """
    example = model.encoder.full(record)
    gold, *others = _answers(model, record)
    begin, end = _alike(gold, others)
    first, last = begin, len(gold) - end
    if not others or first >= last:
        ends = gold[-1] in model.processor.end_ids and len(gold) > 1
        first, last = 0, len(gold) - int(ends)
    labels = example.labels.clone()
    places = torch.nonzero(labels[0] != IGNORED).squeeze(-1)
    labels[0, places[:first]] = IGNORED
    labels[0, places[last:]] = IGNORED
    return replace(example, labels=labels)


def parts(model: Model, record: Record) -> list[list[int]]:
    """Of the right answer and then of every wrong one, the tokens that tell it from the others; never none."""
    answers = _answers(model, record)
    begin, end = _alike(answers[0], answers[1:])
    return [answer[begin : len(answer) - end] or answer for answer in answers]


@dataclass(frozen=True, eq=False)
class Told:
    """Records in batches, labelled at their telling tokens."""

    records: tuple[Record, ...]
    """In the order of the batches."""
    batches: tuple[Batch, ...]

    @classmethod
    def of(cls, original: Served, records: Sequence[Record], most: int | None) -> Told:
        """The memory questions among the records, at most so many, encoded by the original model."""
        model = original.model
        asked = spread(of_kind(records, "memory"), most)
        examples = [telling(model, record) for record in asked]
        size = original.batch if model.family.mixes else 1
        lots = list(together(examples, size)) if examples else []
        batches = [collate([examples[i] for i in lot], pad_id=model.processor.pad_id) for lot in lots]
        return cls(tuple(asked[i] for lot in lots for i in lot), tuple(batches))

    @cached_property
    def labels(self) -> Tensor:
        """[rows] the telling tokens, in the order of the batches."""
        return torch.cat([batch.labels[:, 1:][batch.labels[:, 1:] != IGNORED] for batch in self.batches])

    @cached_property
    def owner(self) -> Tensor:
        """[rows] the place among the records of the one that a token belongs to."""
        counts = torch.cat([(batch.labels[:, 1:] != IGNORED).sum(1) for batch in self.batches])
        return torch.arange(len(counts)).repeat_interleave(counts)

    @cached_property
    def first(self) -> Tensor:
        """[records] the place among the rows of each record's first telling token."""
        counts = torch.bincount(self.owner, minlength=len(self.records))
        return counts.cumsum(0) - counts

    @cached_property
    def rows_per_batch(self) -> list[int]:
        """How many telling tokens each batch has."""
        return [int((batch.labels[:, 1:] != IGNORED).sum()) for batch in self.batches]

    def mean(self, rows: Tensor) -> Tensor:
        """[records] the mean of [rows] numbers over each record's telling tokens, in float64."""
        rows = rows.double().cpu()
        total = rows.new_zeros(len(self.records)).index_add(0, self.owner, rows)
        return total / torch.bincount(self.owner, minlength=len(self.records))

    def states(self, served: Served) -> Tensor:
        """[layers, rows, H] a system's states where the telling tokens are predicted, on the CPU in its own type."""
        with at_work(served) as model:
            return torch.cat([layer_states(model, batch).cpu() for batch in self.batches], dim=1)

    def fits(self, served: Served) -> bool:
        """Whether a system's model reads the first record as the same tokens."""
        first = next(batch for batch in self.batches)
        own = served.model.encoder.full(self.records[0]).inputs["input_ids"]
        return torch.equal(own[0], first.inputs["input_ids"][0, : own.shape[1]])


def _answers(model: Model, record: Record) -> list[list[int]]:
    """The tokens of the right answer and of every other one, each once, in the record's order."""
    others = [answer for answer in (*record.perturbed, *record.options) if answer.strip()]
    labels = [model.encoder.full(record, answer=answer).labels for answer in dict.fromkeys((record.gold, *others))]
    found: list[list[int]] = [line[line != IGNORED].tolist() for line in labels]
    return [found[0], *(ids for ids in found[1:] if ids != found[0])]


def _alike(gold: list[int], others: Sequence[list[int]]) -> tuple[int, int]:
    """How many tokens all of them begin and end with alike; the end is what comes behind the beginning."""
    begin = min((_shared(gold, other) for other in others), default=0)
    ends = (_shared(gold[begin:][::-1], other[begin:][::-1]) for other in others)
    return begin, min(ends, default=0)


def _shared(one: Sequence[int], other: Sequence[int]) -> int:
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
