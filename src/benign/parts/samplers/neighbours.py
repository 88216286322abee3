"""Who is near whom: the neighbour type of retained records, and the forget subject to which each belongs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from benign.data.record import Neighbour, Record
from benign.data.words import words
from benign.parts.samplers import Candidates

TYPES: tuple[Neighbour, ...] = ("entity", "domain", "general")


class Near(NamedTuple):
    """The candidates sorted by what they are to the forget set."""

    types: tuple[Neighbour, ...]
    """Per candidate."""
    owner: tuple[str, ...]
    """Per candidate, the forget subject that it belongs to."""
    pools: Mapping[tuple[str, Neighbour], tuple[int, ...]]
    """The candidates' places by forget subject and type; none of the subjects is without any."""

    def of(self, wanted: Sequence[Neighbour]) -> tuple[int, ...]:
        """The places of the candidates of these types."""
        return tuple(place for place, kind in enumerate(self.types) if kind in wanted)


@lru_cache(maxsize=8)
def near(candidates: Candidates, nearest: int) -> Near:
    """Sort the candidates.

    ``neighbour`` says a record's type where the file has it; else it is

    - ``general``: a general question, or a record without a subject;
    - ``entity``: its subject is one of the ``nearest`` retained subjects of some forget subject;
    - ``domain``: all others.

    Likeness is the cosine of the subjects' words, each weighed by the logarithm of how rare it is among subjects. A
    record belongs to the forget subject most like its own; those without a subject are dealt out in turn. A forget
    subject to which none would belong borrows the records of the retained subjects most like it.
    """
    lead = candidates.lead
    assert lead is not None, "whoever pairs has looked"
    gone, kept = _documents(lead.records), _documents(candidates.records)
    like = _likeness(gone, kept)
    ranks = {one: sorted(kept, key=lambda other: (-like[one, other], other)) for one in gone}
    close = {other for one in gone for other in ranks[one][:nearest]}
    best = {other: max(gone, key=lambda one: (like[one, other], one)) for other in kept}
    queue = sorted(gone) or [""]
    types, owner = [], []
    for place, record in enumerate(candidates.records):
        bare = record.kind == "general" or not record.subject
        types.append(record.neighbour or ("general" if bare else "entity" if record.subject in close else "domain"))
        owner.append(best.get(record.subject, "") or queue[place % len(queue)])
    pools: dict[tuple[str, Neighbour], tuple[int, ...]] = {}
    for place, key in enumerate(zip(owner, types, strict=True)):
        pools[key] = (*pools.get(key, ()), place)
    for one in {record.subject for record in lead.records} - set(owner):
        closest = set(ranks.get(one, [])[: max(nearest, 1)])
        for place, kind in enumerate(types):
            if not closest or candidates.records[place].subject in closest:
                pools[one, kind] = (*pools.get((one, kind), ()), place)
    return Near(tuple(types), tuple(owner), pools)


def _documents(records: Sequence[Record]) -> dict[str, set[str]]:
    """Each subject's words, over all its records; a name that stands in all of them counts once."""
    found: dict[str, set[str]] = {}
    for record in records:
        if record.subject:
            said = record.text or " ".join(turn.text for turn in record.conversation())
            found.setdefault(record.subject, set()).update(words(said))
    return found


def _likeness(gone: Mapping[str, set[str]], kept: Mapping[str, set[str]]) -> dict[tuple[str, str], float]:
    everyone = [*gone.values(), *kept.values()]
    seen = Counter(word for document in everyone for word in document)

    def weighed(document: set[str]) -> dict[str, float]:
        parts = {word: math.log(len(everyone) / seen[word]) for word in sorted(document)}
        length = math.sqrt(sum(value * value for value in parts.values())) or 1.0
        return {word: value / length for word, value in parts.items() if value}

    ours, theirs = ({s: weighed(d) for s, d in side.items()} for side in (gone, kept))
    return {
        (one, other): sum(value * theirs[other].get(word, 0.0) for word, value in parts.items())
        for one, parts in ours.items()
        for other in theirs
    }
