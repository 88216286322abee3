"""Attacks that ask again: each forgotten question is rewritten in one or several ways, and the best answer counts.

An attacker who may ask several times keeps what came out; that the auditor picks it with the expected answer in hand
helps every system alike, so a score means something only beside the retrained model's under the very same asks. And
where the original model answers no better than the retrained one, this way of asking is beyond it and says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from benign.audit.attacks import Found, Ground
from benign.audit.metrics.bootstrap import interval
from benign.audit.metrics.rouge import recall
from benign.audit.observation import Observation, Observations
from benign.audit.plan import Ask, spread
from benign.audit.score import Score
from benign.audit.views import asked_question
from benign.data.record import Data, Record
from benign.errors import NotMeasured

Rewrite = Callable[[Record], Sequence[Record]]
"""What is asked instead of one record: none where the attack does not apply to it. Ids stay as they are."""
Value = Callable[[Observation], float]
MOST = 200
"""Records that an attack asks about, unless it is told otherwise."""


def every(record: Record) -> bool:
    """Leaves no record out."""
    return True


def asked_again(
    ground: Ground,
    name: str,
    rewrite: Rewrite,
    *,
    most: int | None,
    nothing: str,
    among: Callable[[Record], bool] = every,
    value: Value = recall,
    choices: bool = False,
) -> Found:
    """Rewrite the forget set's memory questions, ask, and take each record's best answer.

    Args:
        ground: The system under attack and the records.
        name: The attack's; its asks are the views ``name_1``, ``name_2`` and so on.
        rewrite: What is asked instead of a record.
        most: At most so many records, spread evenly over the subjects; None asks all.
        nothing: The reason that is given where no record can be rewritten.
        among: Which memory questions can be rewritten at all, so that ``most`` are found among these.
        value: How much of the expected answer an answer holds; by default the recall of ROUGE-L, 0 to 1.
        choices: Whether the rewritten records' options are to be scored.
    """
    asks = []
    for record in spread([r for r in forgotten(ground.data) if among(r)], most):
        different = dict.fromkeys(bare(one, choices=choices) for one in rewrite(record))
        asks += [Ask("forget", f"{name}_{i}", one) for i, one in enumerate(different, 1)]
    if not asks:
        return Found(NotMeasured(nothing))
    seen = ground.ask(ground.served, asks)
    return Found(best_of(seen, value), seen)


def forgotten(data: Data) -> tuple[Record, ...]:
    """The memory questions of the forget set; a plain document asks nothing."""
    return tuple(record for record in data.forget if record.kind == "memory" and asked_question(record))


def bare(record: Record, *, choices: bool = False) -> Record:
    """The record without the answers that nobody judges here: each costs tokens."""
    return replace(record, options=record.options if choices else (), perturbed=(), rewordings=())


def best_of(observations: Observations, value: Value = recall) -> Score | NotMeasured:
    """The mean over records of the highest value among each record's answers, with its interval."""
    best: dict[str, float] = {}
    clusters: dict[str, str] = {}
    for observation in observations:
        found = value(observation)
        known = best.get(observation.record, -math.inf)
        # max() would let a number that is none win or lose by its place.
        best[observation.record] = math.nan if math.isnan(found + known) else max(known, found)
        clusters[observation.record] = observation.cluster
    return interval(list(best.values()), [clusters[record] for record in best])
