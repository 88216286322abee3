"""What the verdict must add, however good it is: what came back, what the guarantee is worth, what nobody measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benign.audit.score import ORIGINAL, RETRAINED, Score, Scoreboard
from benign.errors import NotMeasured
from benign.report.tradeoff import Outcome, outcomes
from benign.report.words import listed, model_title, percent, titled

CAME_BACK = 0.10
"""Memory was suppressed if the attack brings back this much more than for the retrained model under the same attack."""


@dataclass(frozen=True)
class Gap:
    """Columns that were not measured, for one reason."""

    reason: str
    columns: tuple[str, ...]
    methods: tuple[str, ...]
    """Whose; empty if it is everybody's."""


def suppressed(outcome: Outcome, retrained: Outcome | None) -> bool | None:
    """Whether clearly more came back than for the retrained model; None where either was not measured."""
    now, floor = outcome.relearned, retrained.relearned if retrained else NotMeasured("no retrained model given")
    if not isinstance(now, Score) or not isinstance(floor, Score):
        return None
    return now.value - floor.value > CAME_BACK and now.low > floor.value


def relearning(scoreboard: Scoreboard) -> tuple[str, ...]:
    """What the relearning attack found, as sentences."""
    found = {o.method: o for o in outcomes(scoreboard)}
    retrained = found.get(RETRAINED)
    attacked = [o for o in found.values() if not o.reference and not o.destroyed]
    back = [o for o in attacked if suppressed(o, retrained) is True]
    calm = [o for o in attacked if suppressed(o, retrained) is False]
    unknown = [o for o in attacked if suppressed(o, retrained) is None]
    told = []
    if back:
        told.append(
            f"Suppressed, not erased: {_names(back)}. A short training on a few other facts about the same subjects "
            f"brings back {_range(back)} of the forgotten answers{_beside(found)}."
        )
    if calm:
        told.append(
            f"After the same attack {_names(calm)} {'gives' if len(calm) == 1 else 'give'} {_range(calm)}"
            f"{_beside(found)}: this attack found no more than it finds in a model that never knew."
        )
    for reason, those in _by_reason(unknown, retrained).items():
        told.append(f"Suppressed or erased? For {_names(those)} that is open: {reason}.")
    return tuple(told)


def guarantees(scoreboard: Scoreboard) -> tuple[str, ...]:
    """What kind of forgetting the results declare, and how it is bypassed by whoever holds the files."""
    found = outcomes(scoreboard)
    memory = next((o.memory for o in found if o.method == ORIGINAL), NotMeasured("no original"))
    known = f", which gives {percent(memory.value)} of the forgotten answers" if isinstance(memory, Score) else ""
    texts = {
        "weights": f"an update of the weights. With the delta switched off the original is back{known}; it is final "
        "only once it is merged and the original and its copies are destroyed.",
        "suppression": "a guard at run time. It takes nothing out of the weights: with the guard switched off they say "
        f"all that they know, and where none was changed they are the original's{known}.",
        "exact": "what is forgotten was never learned or was removed as a unit: there is nothing to switch back on.",
    }
    levels: dict[str, list[Outcome]] = {}
    for outcome in found:
        if not outcome.reference:
            levels.setdefault(outcome.row.guarantee, []).append(outcome)
    unknown = "this version does not know that level, so nothing is promised."
    whose = {level: "all methods" if len(levels) == 1 else _names(those) for level, those in levels.items()}
    return tuple(f"Guarantee {level} ({whose[level]}): {texts.get(level, unknown)}" for level in levels)


def unmeasured(scoreboard: Scoreboard) -> tuple[Gap, ...]:
    """What has no number and why, gathered by reason; in the order of first appearance."""
    rows = outcomes(scoreboard)
    missing: dict[tuple[str, str], list[str]] = {}
    for outcome in rows:
        for name, score in outcome.row.metrics.items():
            if isinstance(score, NotMeasured):
                missing.setdefault((score.reason, name), []).append(outcome.method)
    gaps: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (reason, name), methods in missing.items():
        whose = () if len(methods) == len(rows) else tuple(model_title(method) for method in methods)
        gaps.setdefault((reason, whose), []).append(titled(name))
    return tuple(Gap(reason, tuple(columns), whose) for (reason, whose), columns in gaps.items())


def _names(those: Sequence[Outcome]) -> str:
    return listed(o.method for o in those)


def _range(those: Sequence[Outcome]) -> str:
    values = sorted(o.relearned.value for o in those if isinstance(o.relearned, Score))
    least, most = percent(values[0]), percent(values[-1])
    return least if least == most else f"{least} to {most}"


def _beside(found: dict[str, Outcome]) -> str:
    parts = []
    for method, words in ((RETRAINED, "for the retrained model"), (ORIGINAL, "for the original")):
        outcome = found.get(method)
        if outcome is not None and isinstance(outcome.relearned, Score):
            parts.append(f"{percent(outcome.relearned.value)} {words}")
    return f" (under the same attack {listed(parts)})" if parts else ""


def _by_reason(those: Sequence[Outcome], retrained: Outcome | None) -> dict[str, list[Outcome]]:
    reasons: dict[str, list[Outcome]] = {}
    for outcome in those:
        score = outcome.relearned
        if isinstance(score, Score):
            score = retrained.relearned if retrained else NotMeasured("no retrained model under the same attack")
        reason = score.reason if isinstance(score, NotMeasured) else ""
        reasons.setdefault(reason, []).append(outcome)
    return reasons
