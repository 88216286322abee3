"""Which records a training stage sees at which step, with which answers: decided before the first step."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

from benign.data.record import Data, Record
from benign.engine.recipe import Source, Term, Train
from benign.errors import UserError
from benign.parts.targets import Context


@dataclass(frozen=True)
class Drawn:
    """One record as it is trained on in one step."""

    record: Record
    answer: str
    text_only: bool = False

    @property
    def key(self) -> str:
        """Identifies the encoded example: the record's content, the answer and the view."""
        return hashlib.sha256(f"{self.record.digest}\0{self.answer}\0{self.text_only}".encode()).hexdigest()


def derived_seed(*parts: object) -> int:
    """A 63-bit seed that is a function of its parts alone."""
    return int.from_bytes(hashlib.sha256("/".join(map(str, parts)).encode()).digest()[:8], "big") >> 1


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
        fix = {"keep": "give --few or --retain", "strangers": "give --strangers"}.get(on, "give --forget")
        raise UserError("the method needs records that were not given", where=on, fix=fix)
    return found


def drawn(stage: Train, context: Context) -> list[list[list[Drawn]]]:
    """For each step, for each term of the stage in order, the records drawn.

    A record's picture is dropped in a term's text-only view (in ``both``, at every other step).
    """
    candidates = [_candidates(term, context) for term in stage.terms]
    count = step_count(stage, len(candidates[0]))
    columns = [_column(term, found, count, context) for term, found in zip(stage.terms, candidates, strict=True)]
    return [list(row) for row in zip(*columns, strict=True)]


def step_count(stage: Train, records: int) -> int:
    """How many steps a stage takes when its first term has so many candidates."""
    if stage.optim.steps is not None:
        return stage.optim.steps
    return max(1, math.ceil((stage.optim.epochs or 0) * records / stage.terms[0].batch))


def _candidates(term: Term, context: Context) -> tuple[Record, ...]:
    records = tuple(r for r in records_of(context.data, term.on) if r.kind in term.kinds)
    found = term.target.candidates(records, context) if records else ()
    if not found:
        kinds = ", ".join(term.kinds)
        raise UserError(f"no record of kind {kinds} for the term {term.name!r}", where=term.on)
    return found


def _column(term: Term, candidates: Sequence[Record], count: int, context: Context) -> list[list[Drawn]]:
    seed = derived_seed(context.seed, term.name)
    places = [term.sampler(len(candidates), term.batch, seed=seed, step=step) for step in range(count)]
    flat = [draw for place in places for draw in place]
    records = [candidates[draw.place] for draw in flat]
    answers = term.target.answers(records, [draw.epoch for draw in flat], context)
    return [
        [
            Drawn(records[i], answers[i], _text_only(term, step))
            for i in range(step * term.batch, (step + 1) * term.batch)
        ]
        for step in range(count)
    ]


def _text_only(term: Term, step: int) -> bool:
    return term.view == "text_only" or (term.view == "both" and step % 2 == 1)
