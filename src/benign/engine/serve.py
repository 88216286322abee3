"""What the audit judges: a deployed system that generates answers and scores given ones."""

from __future__ import annotations

import hashlib
import math
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
from benign.engine.scoring import scored
from benign.engine.share_answers import everyones, shared_out
from benign.models.collate import IGNORED
from benign.models.delta import Delta, applied
from benign.models.encode import Example, collate
from benign.models.forward import generate, unguarded
from benign.models.load import Model
from benign.models.pack import packed_rows, together
from benign.models.sampling import Sampling, uniforms
from benign.models.vision_cache import cache_of

Progress = Callable[[int], None]
_Columns = tuple[Sequence[float], Sequence[float], Sequence[float], Sequence[bool]]


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
        texts: dict[int, str] = {}
        with self._deployed():
            for places, count in shared_out(list(_by_length(examples, self.batch)), self.model.shards):
                asked = [examples[i] for i in places]
                batch = collate(asked, side="left", pad_id=self.model.processor.pad_id)
                around = (
                    generating(self.model, asked, batch, self.guard, cache_of(self.model)) if self.guard else unguarded
                )
                tokens = generate(self.model, batch, max_new_tokens, sampling=sampling(places), around=around)
                texts |= {p: self.model.processor.decode(ids) for p, ids in zip(places, tokens, strict=True)}
                if progress:
                    progress(count)
        return everyones(texts, self.model.shards)

    def score(
        self, records: Sequence[Record], answers: Sequence[str], *, progress: Progress | None = None
    ) -> list[Scored]:
        """Teacher-forced answers, in the order of the records; one pass gives everything."""
        return self._scored(
            [self.model.encoder.full(r, answer=a) for r, a in zip(records, answers, strict=True)], progress
        )

    def _scored(self, examples: Sequence[Example], progress: Progress | None) -> list[Scored]:
        found: dict[int, _Columns] = {}
        with self._deployed():
            for places, count in shared_out(list(together(examples, self.batch)), self.model.shards):
                rows = self._rows([examples[i] for i in places])
                for place, one in zip(places, scored(rows), strict=True):
                    found[place] = (one.logp, one.mean, one.std, one.greedy)
                if progress:
                    progress(count)
        columns = everyones(found, self.model.shards)
        return [Scored(tuple(a), tuple(b), tuple(c), tuple(d)) for a, b, c, d in columns]

    def fired(self, records: Sequence[Record]) -> list[bool] | None:
        """On which questions the guard fires; None where there is no guard, or one that acts on every question."""
        if self.guard is None or not is_prompt_guard(self.guard.guard):
            return None
        with self._deployed():
            examples = [self.model.encoder.prompt(record) for record in records]
            found: list[bool] = fired(self.model, self.guard, examples, cache_of(self.model)).tolist()
        return found

    def _rows(self, examples: Sequence[Example]) -> Answers:
        if self.guard is None:
            return packed_rows(self.model, examples, vision=cache_of(self.model))
        return guarded_rows(self.model, examples, self.guard, cache_of(self.model))

    def answers(
        self,
        asked: Sequence[Record],
        wanted: Sequence[tuple[Record, str]],
        *,
        max_new_tokens: int,
        progress: Progress | None = None,
    ) -> tuple[list[str], list[Scored]]:
        """What :meth:`generate` says to ``asked`` and :meth:`score` gives to ``wanted``, with less work.

        Where every token of a given answer, to the end of the turn, is the likeliest after those before it, greedy
        decoding says that answer: it is not generated again. Only what the weights alone decide may be told so: behind
        a guard, and by a subclass with a :meth:`generate` of its own, everything is asked.
        """
        examples = [self.model.encoder.full(record, answer=answer) for record, answer in wanted]
        scores = self._scored(examples, progress)
        said: dict[str, str] = {}
        if self.guard is None and type(self).generate is Served.generate:
            for (record, _), example, found in zip(wanted, examples, scores, strict=True):
                if len(found.logp) <= max_new_tokens + 1 and self._says(record, example, found):
                    said[record.digest] = self.model.processor.decode(_labelled(example)[:-1])
        left = [record for record in asked if record.digest not in said]
        if progress and len(left) < len(asked):
            progress(len(asked) - len(left))
        generated = iter(self.generate(left, max_new_tokens=max_new_tokens, progress=progress) if left else [])
        return [said[r.digest] if r.digest in said else next(generated) for r in asked], scores

    def _says(self, record: Record, example: Example, found: Scored) -> bool:
        sure = all(found.greedy) and all(map(math.isfinite, found.logp))
        return sure and not record.text and _labelled(example)[-1] in self.model.processor.end_ids

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


def answered(
    system: System,
    asked: Sequence[Record],
    wanted: Sequence[tuple[Record, str]],
    *,
    max_new_tokens: int,
    progress: Progress | None = None,
) -> tuple[list[str], list[Scored]]:
    """A system's greedy answers to ``asked`` and its scores of ``wanted``, (record, answer) pairs.

    A system whose class has a method ``answers`` does both at once. Looked up in the class, so that what wraps a
    system and lends it its attributes is not taken for it.

    Raises:
        ValueError: The system gave another number of answers or scores.
    """
    both = getattr(type(system), "answers", None)
    if both is not None:
        found: tuple[list[str], list[Scored]] = both(
            system, asked, wanted, max_new_tokens=max_new_tokens, progress=progress
        )
        return found
    texts = system.generate(asked, max_new_tokens=max_new_tokens, progress=progress) if asked else []
    scores = system.score([r for r, _ in wanted], [a for _, a in wanted], progress=progress)
    if len(texts) != len(asked) or len(scores) != len(wanted):
        raise ValueError(
            f"{type(system).__name__} gave {len(texts)} answers to {len(asked)} questions "
            f"and {len(scores)} scores for {len(wanted)} answers"
        )
    return texts, scores


def _labelled(example: Example) -> list[int]:
    """The answer's tokens."""
    labels: list[int] = example.labels[0][example.labels[0] != IGNORED].tolist()
    return labels


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
