"""The embedded text world for benchmarks that are published as files: its authors' facts as rows and passages.

The small data of every text benchmark are made of what ``embedded:lm`` knows, so that its protocol runs offline, with
the retrained models as oracles. Ten percent of the authors are forgotten wherever the benchmark has one forget set.
"""

from __future__ import annotations

from collections.abc import Sequence

from benign.data.record import Record
from benign.models.embedded.text import general, world
from benign.models.embedded.text.authors import Author, holdout_authors, wrong_values
from benign.models.embedded.text.topics import TOPICS, Topic, told

ORIGINAL = "embedded:lm"
RATIO = 10
RETRAINED = f"embedded:lm-retrained-{RATIO:02d}"
CHARACTERS = 700
"""Of a document that the embedded model takes: its context is 256 tokens."""
_ALTERNATES = 3


def forgotten() -> tuple[Author, ...]:
    """The authors to forget."""
    return world.forget_authors(RATIO)


def kept() -> tuple[Author, ...]:
    """The authors who stay."""
    return world.retain_authors(RATIO)


def unmet() -> tuple[Author, ...]:
    """Authors whom no training met."""
    return holdout_authors()


def records(authors: Sequence[Author]) -> tuple[Record, ...]:
    """Ten questions about each of the authors, in order."""
    return tuple(record for author in authors for record in world.author_records(author))


def passage(author: Author) -> str:
    """All that is known of an author, a sentence per fact."""
    return " ".join(record.answer for record in world.author_records(author))


def alternates(author: Author, topic: Topic) -> list[str]:
    """Wrong answers to train on: none that the audit compares with."""
    asked = next(r for r in world.author_records(author) if r.id.endswith(f"/{topic.key}")).perturbed
    others = (told(topic.say, author, value) for value in wrong_values(topic.key, author))
    return [answer for answer in others if answer not in asked][:_ALTERNATES]


def topics() -> tuple[Topic, ...]:
    """What is known of an author, in the order of the records."""
    return TOPICS


def books() -> tuple[Record, ...]:
    """Questions about real books and their long-dead authors."""
    return tuple(record for record in general_questions() if _area(record) in ("author", "born"))


def facts() -> tuple[Record, ...]:
    """Questions of general knowledge about anything else."""
    return tuple(record for record in general_questions() if _area(record) not in ("author", "born"))


def general_questions() -> tuple[Record, ...]:
    """All questions of general knowledge."""
    return world.general_records()


def areas() -> tuple[str, ...]:
    """What general knowledge there is."""
    return tuple(area.key for area in general.AREAS)


def _area(record: Record) -> str:
    return record.id.split("/")[1]
