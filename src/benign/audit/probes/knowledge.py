"""The graph that records hold: whom they are about, what they ask, and what is true; shared values tie subjects.

The relation is the record's question with ``{s}`` in the name's place, so that the same question about two subjects is
one relation. Of answers in whole sentences the value is what differs between subjects, and from the wrong answers that
records bring: the words that every answer to a question begins and ends with, the name left out, are its frame.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benign.audit.attacks.naming import name_in, renamed
from benign.audit.metrics.words import words
from benign.audit.probes.graph import Edge, Graph
from benign.audit.probes.wording import SLOT
from benign.audit.views import asked_question
from benign.data.record import Data, Record


@dataclass(frozen=True)
class Known:
    """A graph of records, and the records that it does not hold."""

    graph: Graph
    dropped: Mapping[str, int] = field(default_factory=dict)
    """Memory questions of the forget set that became no fact, by reason."""


def knowledge(data: Data) -> Known:
    """The graph of the forget set and of what is retained; the forgotten subjects are its targets.

    Args:
        data: Records that name their subject in the question (by spans, or by the subject's own words). Those that
            show a picture or name nobody become no fact, and are counted where they are of the forget set.
    """
    dropped: Counter[str] = Counter()
    facts: list[tuple[Record, str]] = []
    owner: dict[str, str] = {}
    gone = {record.id for record in data.forget}
    for record in (*data.forget, *(r for r in (*data.retain, *data.few) if r.id not in gone)):
        reason = _unfit(record, owner) if record.kind == "memory" else "-"
        if not reason:
            owner[name_in(record)] = record.subject
            facts.append((record, _relation(record)))
        elif record.id in gone and reason != "-":
            dropped[reason] += 1
    frames = _frames(facts)
    edges = dict.fromkeys(
        Edge(name_in(record), relation, _within(frames[relation], record)) for record, relation in facts
    )
    targets = list(dict.fromkeys(name_in(record) for record, _ in facts if record.id in gone))
    meta = {"targets": targets, "wordings": _other_questions(facts)}
    return Known(Graph(tuple(edges), targets[0] if targets else "", meta=meta), dict(dropped))


def _unfit(record: Record, owner: Mapping[str, str]) -> str:
    if record.images:
        return "shows a picture"
    name = name_in(record)
    if not name or name not in asked_question(record):
        return "does not name its subject in the question"
    if not words(record.gold):
        return "has no answer in words"
    if owner.get(name, record.subject) != record.subject:
        return "names its subject as another one is named"
    return ""


def _relation(record: Record) -> str:
    return renamed(asked_question(record), name_in(record), SLOT)


def _telling(record: Record, answer: str) -> tuple[str, ...]:
    return tuple(renamed(answer, name_in(record), SLOT).split())


def _frames(facts: Sequence[tuple[Record, str]]) -> dict[str, tuple[int, int]]:
    """By relation, how many words all its answers have in common at the beginning and at the end."""
    answers: dict[str, dict[tuple[str, ...], None]] = defaultdict(dict)
    for record, relation in facts:
        for answer in (record.gold, *record.perturbed):
            answers[relation][_telling(record, answer)] = None
    return {relation: _frame(list(told)) for relation, told in answers.items()}


def _frame(answers: Sequence[tuple[str, ...]]) -> tuple[int, int]:
    if len(answers) < 2:
        return 0, 0
    before = _common(answers)
    after = _common([answer[before:][::-1] for answer in answers])
    # A frame that leaves nothing of some answer is none: "yes" and "yes, often" differ in what one of them lacks.
    return (before, after) if all(before + after < len(answer) for answer in answers) else (0, 0)


def _common(answers: Sequence[tuple[str, ...]]) -> int:
    columns = zip(*answers, strict=False)
    count = 0
    for column in columns:
        if len({*column}) > 1:
            break
        count += 1
    return count


def _within(frame: tuple[int, int], record: Record) -> str:
    before, after = frame
    telling = _telling(record, record.gold)
    return renamed(" ".join(telling[before : len(telling) - after]), SLOT, name_in(record)).rstrip(".,;:!?")


def _other_questions(facts: Sequence[tuple[Record, str]]) -> dict[str, list[str]]:
    """The paraphrases of each relation's questions, in the order in which records bring them."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for record, relation in facts:
        name = name_in(record)
        for paraphrase in record.paraphrases:
            if SLOT in (form := renamed(paraphrase, name, SLOT)):
                found[relation][form] = None
    return {relation: list(forms) for relation, forms in found.items()}
