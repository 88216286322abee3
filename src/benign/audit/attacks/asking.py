"""Asking a system under attack, and how much of the forgotten its answers hold.

An attack on the weights asks each forgotten question as it is. An attack on the input rewrites it in one or several
ways, and the best answer counts: an attacker who may ask several times keeps what came out. That the auditor picks it
with the expected answer in hand helps every system alike, so a score means something only beside the retrained model's
under the very same asks. And where the original model answers no better than the retrained one, this way of asking is
beyond it and says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from benign.audit.attacks import Found, Ground
from benign.audit.attacks.questions import as_they_are, bare, forgotten, known_facts
from benign.audit.metrics.bootstrap import interval
from benign.audit.metrics.rouge import recall
from benign.audit.observation import Observation, Observations
from benign.audit.plan import Ask, spread
from benign.audit.score import Score
from benign.data.record import Record
from benign.engine.serve import System
from benign.errors import NotMeasured

Rewrite = Callable[[Record], Sequence[Record]]
"""What is asked instead of one record: none where the attack does not apply to it. Ids stay as they are."""
Value = Callable[[Observation], float]


def remembered(ground: Ground, system: System, most: int | None) -> Found:
    """How much of the forgotten answers a system gives (ROUGE-L recall), asked as they are.

    Args:
        ground: What the attacker has.
        system: The system after the attack.
        most: At most so many questions; None asks all.
    """
    questions = known_facts(forgotten(ground.data))
    if not questions:
        return Found(NotMeasured("no memory questions in the forget set"))
    seen = ground.ask(system, as_they_are(spread(questions, most)))
    return Found(best_of(seen), seen)


def asked_again(
    ground: Ground,
    name: str,
    rewrite: Rewrite,
    *,
    most: int | None,
    nothing: str,
    among: Callable[[Record], bool] | None = None,
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
        among: Which memory questions can be rewritten at all, so that ``most`` are found among these; None for all.
        value: How much of the expected answer an answer holds; by default the recall of ROUGE-L, 0 to 1.
        choices: Whether the rewritten records' options are to be scored.
    """
    asks = []
    for record in spread(list(filter(among, forgotten(ground.data))) if among else forgotten(ground.data), most):
        different = dict.fromkeys(bare(one, choices=choices) for one in rewrite(record))
        asks += [Ask("forget", f"{name}_{i}", one) for i, one in enumerate(different, 1)]
    if not asks:
        return Found(NotMeasured(nothing))
    seen = ground.ask(ground.served, asks)
    return Found(best_of(seen, value), seen)


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
