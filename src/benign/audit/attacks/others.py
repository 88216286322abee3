"""What an attacker knows of others: retained questions and answers, none of which gives the expected answer away."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import lru_cache

from benign.audit.attacks.naming import name_in, renamed
from benign.audit.metrics import words as apart
from benign.audit.metrics.keywords import keywords
from benign.audit.views import asked_question, text_only
from benign.data.record import Data, Record
from benign.engine.draw import derived_seed

words = lru_cache(maxsize=2**15)(apart.words)
"""Every retained text is held against every forgotten answer, and is taken apart once."""


def kept(data: Data) -> tuple[Record, ...]:
    """Retained memory questions in words: those that show no picture, or all without theirs where every one shows one.

    A model need not take more pictures than one at a time.
    """
    every = [r for r in (*data.retain, *data.few) if r.kind == "memory" and asked_question(r) and r.gold.strip()]
    unique = {record.id: record for record in every}.values()
    return tuple(r for r in unique if not r.images) or tuple(seen for r in unique if (seen := text_only(r)))


def shuffled(record: Record, others: Sequence[Record], seed: int) -> list[Record]:
    """The other subjects' records that do not hold the record's answer, in an order drawn by the record's id."""
    apart = [o for o in others if o.subject != record.subject or not o.subject]
    silent = [o for o in apart if not gives_away(record, f"{asked_question(o)} {o.gold}")]
    return sorted(silent, key=lambda o: derived_seed(seed, record.id, o.id))


def nearest(record: Record, others: Sequence[Record], count: int, seed: int) -> tuple[Record, ...]:
    """The ``count`` records whose questions share most words with the record's (Jaccard), ties drawn by its id."""
    own = set(words(asked_question(record)))

    def distance(other: Record) -> float:
        theirs = set(words(asked_question(other)))
        return -len(own & theirs) / max(1, len(own | theirs))

    return tuple(sorted(shuffled(record, others, seed), key=distance)[:count])


def gives_away(record: Record, text: str) -> bool:
    """Whether all words that tell the record's answer stand in the text, in whatever order.

    They are its words that are neither in its question nor function words, because an answer in a whole sentence is
    given away by its last word: "Ann was born in Ulm" by "Bob was born in Ulm".
    """
    telling = keywords(asked_question(record), record.gold)
    if not telling:
        return bool(record.gold.strip()) and record.gold.strip() in text
    # What is left of "author's" tells nothing.
    longer = frozenset(word for word in telling if len(word) > 1 or word.isdigit())
    return (longer or telling) <= set(words(text))


def same_question(data: Data) -> Callable[[Record], tuple[str, ...]]:
    """A function to the answers that other subjects have to a record's question, the name in it left out."""
    table: dict[tuple[str, ...], list[Record]] = defaultdict(list)
    for record in (*data.retain, *data.few, *data.forget):
        if record.kind == "memory" and record.gold.strip():
            table[_form(record)].append(record)

    def answers(record: Record) -> tuple[str, ...]:
        return tuple(dict.fromkeys(o.gold for o in table[_form(record)] if o.subject != record.subject))

    return answers


def _form(record: Record) -> tuple[str, ...]:
    return words(renamed(asked_question(record), name_in(record), ""))
