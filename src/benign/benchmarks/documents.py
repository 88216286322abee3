"""Long texts of a corpus as documents that a model can take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from benign.data.line import Line
from benign.data.record import Record

CHARACTERS = 8000
"""About 2,048 tokens of English, the length that MUSE and OpenUnlearning train on."""


def document(table: str, line: Line, number: int, *, name: str = "text", subject: str = "") -> Record:
    """A row with a text as a plain document."""
    return Record(f"{table}/{number}", subject=subject, text=line.identifier(name))


def pieces(records: Sequence[Record], most: int = CHARACTERS) -> tuple[Record, ...]:
    """The documents, each cut between words into pieces of at most so many characters; all of the text stays."""
    found: list[Record] = []
    for record in records:
        parts = list(_cut(record.text, most))
        names = [record.id] if len(parts) == 1 else [f"{record.id}.{i}" for i in range(len(parts))]
        found += [replace(record, id=name, text=part) for name, part in zip(names, parts, strict=True)]
    return tuple(found)


def _cut(text: str, most: int) -> Iterator[str]:
    start = 0
    while len(text) - start > most:
        space = text.rfind(" ", start + 1, start + most)
        end = space if space > 0 else start + most
        yield text[start:end]
        start = end
    yield text[start:]
