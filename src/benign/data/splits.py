"""What must hold between records and between splits: nothing is both forgotten and kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from benign.data.line import Placed
from benign.data.record import Message, Record

KEPT = ("retain", "few", "neighbour", "holdout")
"""The splits that must share neither an id nor a content with the forget set."""

Content = tuple[tuple[str, ...], tuple[Message, ...], str]


def content(record: Record) -> Content:
    """What a model sees of a record: its pictures' digests, its conversation, its text.

    Ids and annotations are left out, and a question with its answer equals the same two as messages.
    """
    return tuple(image.digest for image in record.images), record.conversation(), record.text


def repeated_ids(rows: Sequence[Placed]) -> Iterator[str]:
    """One problem for every record whose id an earlier record of the same file has."""
    first: dict[str, str] = {}
    for where, record in rows:
        if record.id in first:
            yield f"{where}: id: the same as at {first[record.id]}"
        first.setdefault(record.id, where)


def conflicts(splits: Mapping[str, Sequence[Placed]]) -> Iterator[str]:
    """One problem for every record that would be forgotten and kept at once.

    Args:
        splits: The rows read, by split name; a split that is not given is absent.
    """
    forget = splits.get("forget", ())
    ids = {record.id: where for where, record in forget}
    contents = {content(record): where for where, record in forget}
    for split in KEPT:
        for where, record in splits.get(split, ()):
            if record.id in ids:
                yield f"{where}: id: the same as at {ids[record.id]}, drop it from {split} or from forget"
            elif content(record) in contents:
                there = contents[content(record)]
                yield f"{where}: record: the same content as at {there}, drop it from {split} or from forget"
    yield from _known_strangers(forget, splits.get("strangers", ()))


def _known_strangers(forget: Sequence[Placed], strangers: Sequence[Placed]) -> Iterator[str]:
    """A forget picture among the strangers: methods keep the model as it is on strangers, memory included."""
    pictures = {image.digest: where for where, record in forget for image in record.images}
    for where, record in strangers:
        known = next((pictures[image.digest] for image in record.images if image.digest in pictures), "")
        if known:
            yield f"{where}: images: no stranger, the picture is in the forget set at {known}"
