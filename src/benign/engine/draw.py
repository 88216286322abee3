"""Which records a training stage sees at which step, with which answers: decided before the first step."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from benign.data.record import Data, Record
from benign.engine.recipe import Source, Term, Train
from benign.engine.teacher import shown
from benign.errors import UserError
from benign.parts.objectives import Objective
from benign.parts.samplers import Candidates, Draw, Lead
from benign.parts.targets import Context


@dataclass(frozen=True)
class Drawn:
    """One record as it is trained on in one step."""

    record: Record
    answer: str
    text_only: bool = False
    other: str | None = None
    """The answer that this one is preferred to, in a term that compares two."""
    variant: int = 0
    """Which jittered variant of the pictures is shown; 0 is the pictures as they are."""
    shown: Record | None = None
    """The record as the reference model is shown it, in a term with a teacher."""
    weight: float = 1.0
    """How much it counts in the term's loss."""

    @property
    def rival(self) -> Drawn:
        """The same record with the other answer."""
        if self.other is None:
            raise ValueError("this term compares nothing")
        return replace(self, answer=self.other, other=None)

    @property
    def referred(self) -> Drawn:
        """What the reference model is given: the same, but for a teacher's view of the record."""
        return self if self.shown is None else replace(self, record=self.shown, shown=None)

    @property
    def key(self) -> str:
        """Identifies the encoded example: the record's content, the answer and the view."""
        parts = (self.record.digest, self.answer, str(self.text_only), str(self.variant))
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


Weigh = Callable[[Term, tuple[Record, ...]], Sequence[float]]
"""How much each of a term's records counts."""


def derived_seed(*parts: object) -> int:
    """A 63-bit seed that is a function of its parts alone."""
    return int.from_bytes(hashlib.sha256("/".join(map(str, parts)).encode()).digest()[:8], "big") >> 1


def needs_original(objective: Objective) -> bool:
    """Whether an objective looks at the reference model, by its probabilities or its hidden states."""
    return bool(objective.needs_reference) or bool(getattr(objective, "needs_reference_hidden", False))


def compares(objective: Objective) -> bool:
    """Whether an objective is a preference: it compares two answers to a question."""
    return bool(getattr(objective, "compares", False))


def records_of(data: Data, on: Source) -> tuple[Record, ...]:
    """The records a term trains on.

    Raises:
        UserError: The user gave none of them.
    """
    found = {
        "forget": data.forget,
        "keep": data.trainable_retain,
        "retain": data.retain,
        "strangers": data.strangers,
    }[on]
    if not found:
        fix = "give --few or --retain" if on == "keep" else f"give --{on}"
        raise UserError("the method needs records that were not given", where=on, fix=fix)
    return found


def drawn(stage: Train, context: Context, weigh: Weigh | None = None) -> list[list[list[Drawn]]]:
    """For each step, for each term of the stage in order, the records drawn.

    A record's picture is dropped in a term's text-only view (in ``both``, at every other step). A term's sampler may
    let it rest at some steps. Records that ``weigh`` gives no weight are never drawn; the number of steps does not
    depend on it.

    An optional term for which there is nothing draws nothing.

    Raises:
        UserError: A term has no record, or no term draws any at some step.
    """
    given = [_given(term, context) for term in stage.terms]
    asked = [_asked(term, records, context) for term, records in zip(stage.terms, given, strict=True)]
    count = step_count(stage, Candidates(asked[0]))
    columns: list[list[list[Drawn]]] = []
    lead: Lead | None = None
    for term, records, found in zip(stage.terms, given, asked, strict=True):
        weights = _weights(term, records, weigh)
        kept = tuple(record for record in records if weights.get(record.id, 1.0))
        candidates = Candidates(found if len(kept) == len(records) else _asked(term, kept, context), lead)
        columns.append(_column(term, candidates, count, context, weights))
        lead = lead or Lead(candidates.records, lambda step: [item.record for item in columns[0][step]])
    steps = [list(row) for row in zip(*columns, strict=True)]
    for number, step in enumerate(steps):
        if not any(step):
            raise UserError(f"no term draws a record at step {number}", where=f"stage {stage.name}")
    return steps


def step_count(stage: Train, candidates: Candidates) -> int:
    """How many steps a stage takes when its first term has these candidates.

    Raises:
        UserError: It is to take none.
    """
    if stage.optim.steps is not None:
        if stage.optim.steps < 1:
            raise UserError(f"a stage takes at least one step, got {stage.optim.steps}", where=f"stage {stage.name}")
        return stage.optim.steps
    first = stage.terms[0]
    once = first.sampler.epoch_steps(candidates, first.batch)
    # Multiplied before it is divided, so that no rounding adds a step.
    return max(1, math.ceil((stage.optim.epochs or 0) * once.numerator / once.denominator))


def _weights(term: Term, records: tuple[Record, ...], weigh: Weigh | None) -> dict[str, float]:
    """The weights by record id; those of 1 need not be there."""
    if term.weighting is None:
        return {}
    if weigh is None:
        raise ValueError("this term weighs its records, and there is nothing to weigh them with")
    return dict(zip((record.id for record in records), weigh(term, records), strict=True))


def _given(term: Term, context: Context) -> tuple[Record, ...]:
    try:
        records = tuple(r for r in records_of(context.data, term.on) if r.kind in term.kinds)
    except UserError:
        if not term.optional:
            raise
        records = ()
    if compares(term.objective) != (term.against is not None):
        raise UserError(
            "an objective that compares two answers needs `against`, and no other one takes it", where=term.name
        )
    if term.teacher and not needs_original(term.objective):
        raise UserError("a teacher needs an objective that looks at the reference model", where=term.name)
    if term.noise and not needs_original(term.objective):
        raise UserError("noise needs an objective that looks at the reference model", where=term.name)
    if term.teacher and not term.teacher.preface and term.view == "text_only":
        raise UserError(
            "a teacher that differs by its noise alone needs pictures, and the view has none", where=term.name
        )
    return records


def _asked(term: Term, records: tuple[Record, ...], context: Context) -> tuple[Record, ...]:
    try:
        return _found(term, records, context)
    except UserError:
        if not term.optional:
            raise
        return ()


def _found(term: Term, records: tuple[Record, ...], context: Context) -> tuple[Record, ...]:
    found = term.target.candidates(records, context) if records else ()
    if term.against:
        found = term.against.candidates(found, context)
    if not found:
        kinds = ", ".join(term.kinds)
        raise UserError(f"no record of kind {kinds} for the term {term.name!r}", where=term.on)
    return tuple(found)


def _column(
    term: Term, candidates: Candidates, count: int, context: Context, weights: Mapping[str, float]
) -> list[list[Drawn]]:
    if not candidates.records:
        return [[] for _ in range(count)]
    seed = derived_seed(context.seed, term.name)
    steps = [term.sampler(candidates, term.batch, seed=seed, step=step) for step in range(count)]
    flat = [draw for draws in steps for draw in draws]
    records = [candidates.records[draw.place] for draw in flat]
    epochs = [draw.epoch for draw in flat]
    answers = term.target.answers(records, epochs, context)
    others = term.against.answers(records, epochs, context) if term.against else [None] * len(flat)
    taught = shown(term.teacher, records) if term.teacher else [None] * len(flat)
    found = zip(records, answers, others, flat, taught, strict=True)
    return [
        [
            Drawn(
                record,
                answer,
                _text_only(term, step),
                other,
                _variant(term, draw, seed),
                teacher,
                weights.get(record.id, 1.0),
            )
            for record, answer, other, draw, teacher in islice(found, len(draws))
        ]
        for step, draws in enumerate(steps)
    ]


def _variant(term: Term, draw: Draw, seed: int) -> int:
    """Another one at every epoch, and not the same for all records."""
    return (draw.epoch + derived_seed(seed, draw.place)) % (term.jitter + 1)


def _text_only(term: Term, step: int) -> bool:
    return term.view == "text_only" or (term.view == "both" and step % 2 == 1)
