"""What became of each method in one word and one sentence, with the numbers behind the word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benign.audit.ranking import KEPT, PROBES
from benign.audit.score import (
    NOISE,
    ORIGINAL,
    RECOGNISES,
    REFUSES,
    REMEMBERS,
    REPLACED,
    RETRAINED,
    SUPPRESSED,
    Row,
    Score,
    Scoreboard,
)
from benign.report.tradeoff import Outcome, outcomes
from benign.report.words import listed, percent, titled

Status = Literal[
    "forgets and keeps", "forgets, at a price", "still remembers", "suppressed", "replaced", "destroyed", "not judged"
]
FORGOTTEN = 0.10
"""A method has forgotten if no way of asking gets more than this above the retrained model's answers."""
KEPT_SHARE = 0.90
"""It has kept if this much of the original is left of each thing that was to stay."""
LANGUAGE = 9.0
"""A mean mark for language from which on nothing speaks against it."""
ASKED = {
    "memory_rouge": "asked directly",
    "memory_paraphrased": "asked in other words",
    "memory_text": "asked by name",
}
"""How the ways of asking are told apart in a sentence."""
_THINGS = {
    "understanding_forget": "seeing what the forgotten pictures show",
    "retained_memory": "remembering what was to stay",
    "general": "answering general questions",
}


@dataclass(frozen=True)
class Finding:
    """One method's fate."""

    method: str
    status: Status
    text: str


def comparable(scoreboard: Scoreboard, threshold: float) -> bool:
    """Whether the original knew so much more than the retrained model that forgetting can be seen at all."""
    return isinstance(scoreboard.gap, Score) and scoreboard.gap.value >= threshold


def findings(scoreboard: Scoreboard, threshold: float) -> tuple[Finding, ...]:
    """A finding for every method, in the scoreboard's order."""
    found = outcomes(scoreboard)
    references = {o.method: o.row for o in found if o.reference}
    judged = comparable(scoreboard, threshold)
    return tuple(_finding(o, references, judged) for o in found if not o.reference)


def excess(row: Row, retrained: Row | None) -> float | None:
    """How much more of the forgotten the row gives than the retrained model, asked in the way that gets the most;
    None where no way of asking was measured for both."""
    if retrained is None:
        return None
    pairs = [(row.value(name), retrained.value(name)) for name in PROBES]
    return max((value - floor for value, floor in pairs if value is not None and floor is not None), default=None)


def _finding(outcome: Outcome, references: dict[str, Row], judged: bool) -> Finding:
    if outcome.destroyed:
        return Finding(outcome.method, "destroyed", _wreck(outcome.row, references.get(ORIGINAL)))
    parts = (_remembers(outcome, references), _shown(outcome.row), _keeps(outcome))
    text = " ".join(part for part in parts if part)
    return Finding(outcome.method, _status(outcome, references.get(RETRAINED), judged), text)


def _status(outcome: Outcome, retrained: Row | None, judged: bool) -> Status:
    above = excess(outcome.row, retrained)
    row = outcome.row
    if judged and above is not None and above > FORGOTTEN:
        return "still remembers"
    # Where who forgets better cannot be seen, that nothing was removed still can.
    if row.noted(SUPPRESSED) and not row.noted(REMEMBERS):
        return "suppressed"
    if row.noted(REPLACED) and not row.noted(REMEMBERS):
        return "replaced"
    if not judged or above is None:
        return "not judged"
    if not outcome.shares:
        return "not judged"
    return "forgets and keeps" if min(share for _, share in outcome.shares) >= KEPT_SHARE else "forgets, at a price"


def _wreck(row: Row, original: Row | None) -> str:
    signs = []
    meaningful, kept = row.value("meaningful"), row.value("retained_memory")
    before = original.value("retained_memory") if original else None
    if kept is not None and before:
        signs.append(f"{percent(kept / before)} is left of the memory that was to stay")
    if meaningful is not None and meaningful < LANGUAGE:
        signs.append(f"its answers score {meaningful:.1f} of 10 as language")
    why = listed(signs) or "the audit noted it as destroyed"
    parts = (f"{why[:1].upper()}{why[1:]}.", _shown(row))
    broken = "A model that knows nothing any more has not forgotten: it is broken."
    return " ".join(part for part in (*parts, broken) if part)


def _shown(row: Row) -> str:
    """The audit's notes on what kind of forgetting this is, as sentences."""
    notes = [note for word in (SUPPRESSED, REPLACED, RECOGNISES, REFUSES, NOISE) if (note := row.noted(word))]
    return " ".join(f"{note[:1].upper()}{note[1:]}." for note in notes)


def _remembers(outcome: Outcome, references: dict[str, Row]) -> str:
    if outcome.worst is None:
        return "How much it still remembers was not measured."
    name, value = outcome.worst
    beside = [f"{m} {percent(known)}" for m, row in references.items() if (known := row.value(name)) is not None]
    known_of = f" ({', '.join(beside)})" if beside else ""
    return f"Still gives {percent(value)} of the forgotten answers, {ASKED.get(name, titled(name))}{known_of}."


def _keeps(outcome: Outcome) -> str:
    missing = [titled(name) for name in KEPT if name not in dict(outcome.shares)]
    unknown = f" Not measured: {listed(missing)}." if missing else ""
    if not outcome.shares:
        return unknown.strip()
    lost = [(_THINGS.get(name, titled(name)), percent(share)) for name, share in outcome.shares if share < KEPT_SHARE]
    least = min(share for _, share in outcome.shares)
    if not lost:
        return f"Keeps {'all' if least >= 1 else f'at least {percent(least)}'} of what was to stay.{unknown}"
    (thing, share), *others = lost
    first = f"{thing[:1].upper()}{thing[1:]} is down to {share} of the original"
    return f"{listed([first, *(f'{other} to {left}' for other, left in others)])}.{unknown}"
