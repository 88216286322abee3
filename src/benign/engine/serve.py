"""What the audit judges: a deployed system that generates answers and scores given ones."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Protocol

import torch

from benign.data.answers import Answers
from benign.data.record import Record
from benign.engine.draw import derived_seed
from benign.engine.guard import Fitted
from benign.engine.guarded import fired, generating, guarded_rows, is_prompt_guard
from benign.engine.scored import Scored as Scored
from benign.models.delta import Delta, applied
from benign.models.encode import Example, collate
from benign.models.forward import generate, unguarded
from benign.models.load import Model
from benign.models.pack import packed_rows, together
from benign.models.sampling import Sampling, uniforms
from benign.models.vision_cache import VisionCache

Progress = Callable[[int], None]
_ROWS = 256  # at a time, where something of the size [rows, V] is built


class System(Protocol):
    """A model with everything that would be deployed with it (adapter, delta, guards)."""

    @property
    def digest(self) -> str:
        """Identifies the weights and everything beside them; it keys the cache of observations."""
        ...

    def generate(
        self, records: Sequence[Record], *, max_new_tokens: int, progress: Progress | None = None
    ) -> list[str]:
        """Greedy answers to the records' questions, one per record, special tokens stripped.

        ``progress`` is called with the number of records just done.
        """
        ...

    def score(
        self, records: Sequence[Record], answers: Sequence[str], *, progress: Progress | None = None
    ) -> list[Scored]:
        """Each answer's tokens after the record's question, teacher-forced, the end token included."""
        ...

    def sample(
        self,
        records: Sequence[Record],
        k: int,
        *,
        seed: int,
        max_new_tokens: int,
        temperature: float = 1.0,
        top_p: float = 1.0,
        progress: Progress | None = None,
    ) -> list[tuple[str, ...]]:
        """``k`` sampled answers per record; each a function of (seed, record id, its number), whatever the batch."""
        ...


@dataclass(frozen=True, eq=False)
class Served:
    """A model with deltas on top of each other. They are on only within a call; the base is bit for bit restored."""

    model: Model
    deltas: tuple[Delta, ...] = ()
    batch: int = 64
    """Records per forward pass; they are grouped by length, so little is padded."""
    guard: Fitted | None = None
    """A filter before the model and behind it, in answers and scores alike."""

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the model's, the deltas' and the guard's digests."""
        parts = [self.model.digest, *(delta.digest for delta in self.deltas)]
        parts += [f"guard {self.guard.digest}"] if self.guard else []
        return hashlib.sha256("/".join(parts).encode()).hexdigest()

    @cached_property
    def _vision(self) -> VisionCache:
        return VisionCache()

    def generate(
        self, records: Sequence[Record], *, max_new_tokens: int, progress: Progress | None = None
    ) -> list[str]:
        """Greedy answers, in the order of the records."""
        return self._spoken(records, max_new_tokens, progress, lambda places: None)

    def sample(
        self,
        records: Sequence[Record],
        k: int,
        *,
        seed: int,
        max_new_tokens: int,
        temperature: float = 1.0,
        top_p: float = 1.0,
        progress: Progress | None = None,
    ) -> list[tuple[str, ...]]:
        """Sampled answers, in the order of the records.

        Another batching may change the last bits of a probability, and with them a draw that falls right between two
        tokens; apart from that a sample does not depend on what else is asked.

        Args:
            records: The questions.
            k: How many answers to each.
            seed: With the record's id and the answer's number, all that chance depends on.
            max_new_tokens: Length limit of an answer.
            temperature: Divides the logits; 1 is the model's own distribution, as leak@k needs it (arXiv 2511.04934).
            top_p: Only the likeliest tokens that together reach this probability are drawn; 1 draws from all.
            progress: Called with the number of answers just done.
        """
        repeated = [record for record in records for _ in range(k)]
        seeds = [derived_seed(seed, record.id, number) for record in records for number in range(k)]

        def sampling(places: Sequence[int]) -> Sampling:
            return Sampling(uniforms([seeds[i] for i in places], max_new_tokens), temperature, top_p)

        texts = self._spoken(repeated, max_new_tokens, progress, sampling)
        return [tuple(texts[start : start + k]) for start in range(0, len(texts), k)] if k else [()] * len(records)

    def _spoken(
        self,
        records: Sequence[Record],
        max_new_tokens: int,
        progress: Progress | None,
        sampling: Callable[[Sequence[int]], Sampling | None],
    ) -> list[str]:
        examples = [self.model.encoder.prompt(record) for record in records]
        texts = [""] * len(records)
        with self._deployed():
            for places in _by_length(examples, self.batch):
                asked = [examples[i] for i in places]
                batch = collate(asked, side="left", pad_id=self.model.processor.pad_id)
                around = generating(self.model, asked, batch, self.guard, self._vision) if self.guard else unguarded
                tokens = generate(self.model, batch, max_new_tokens, sampling=sampling(places), around=around)
                for place, ids in zip(places, tokens, strict=True):
                    texts[place] = self.model.processor.decode(ids)
                if progress:
                    progress(len(places))
        return texts

    def score(
        self, records: Sequence[Record], answers: Sequence[str], *, progress: Progress | None = None
    ) -> list[Scored]:
        """Teacher-forced answers, in the order of the records; one pass gives everything."""
        examples = [self.model.encoder.full(r, answer=a) for r, a in zip(records, answers, strict=True)]
        scores = [Scored(())] * len(records)
        with self._deployed():
            for places in together(examples, self.batch):
                rows = self._rows([examples[i] for i in places])
                for place, found in zip(places, scored(rows), strict=True):
                    scores[place] = found
                if progress:
                    progress(len(places))
        return scores

    def fired(self, records: Sequence[Record]) -> list[bool] | None:
        """On which questions the guard fires; None where there is no guard, or one that acts on every question."""
        if self.guard is None or not is_prompt_guard(self.guard.guard):
            return None
        with self._deployed():
            examples = [self.model.encoder.prompt(record) for record in records]
            found: list[bool] = fired(self.model, self.guard, examples, self._vision).tolist()
        return found

    def _rows(self, examples: Sequence[Example]) -> Answers:
        if self.guard is None:
            return packed_rows(self.model, examples, vision=self._vision)
        return guarded_rows(self.model, examples, self.guard, self._vision)

    @contextmanager
    def _deployed(self) -> Iterator[None]:
        """Inference mode with the deltas on; the model may be in the middle of training and is so again afterwards."""
        training = self.model.module.training
        self.model.module.eval()
        try:
            with torch.no_grad(), stacked(self.model, self.deltas):
                yield
        finally:
            self.model.module.train(training)


def scored(rows: Answers) -> list[Scored]:
    """The answer rows of each record as numbers: what the metrics need of the distribution, and not the distribution.

    A model that has not-a-number logits gives not-a-number here, and a token that is ruled out (-inf) counts nothing.
    """
    means, stds = [], []
    for logits in rows.logits.split(_ROWS):
        logp = torch.log_softmax(logits, dim=-1)
        weight = logp.exp()
        ruled_out = weight == 0
        mean = (weight * logp).masked_fill(ruled_out, 0).sum(-1, keepdim=True)
        # About the mean, where the difference of two squares would lose the digits that Min-K++ divides by.
        variance = (weight * (logp - mean).square()).masked_fill(ruled_out, 0).sum(-1)
        means.append(mean.squeeze(-1))
        stds.append(variance.sqrt())
    greedy = rows.logits.argmax(-1) == rows.labels
    columns = [column.tolist() for column in (rows.logp, torch.cat(means), torch.cat(stds), greedy)]
    found, start = [], 0
    for count in rows.rows_per_record.tolist():
        found.append(Scored(*(tuple(column[start : start + count]) for column in columns)))
        start += count
    return found


@contextmanager
def stacked(model: Model, deltas: Sequence[Delta]) -> Iterator[None]:
    """All the deltas on the model at once, for the time of the context."""
    with ExitStack() as stack:
        for delta in deltas:
            stack.enter_context(applied(model, delta))
        yield


def _by_length(examples: Sequence[Example], size: int) -> Iterator[list[int]]:
    """Places of examples in batches of like length (stable, so the same call makes the same batches)."""
    order = iter(sorted(range(len(examples)), key=lambda i: examples[i].labels.shape[-1]))
    while places := list(islice(order, size)):
        yield places
