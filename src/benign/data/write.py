"""Write records as JSON Lines with relative picture paths, or as Parquet with embedded pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from benign.data.atomic import replacing, write_bytes, write_text
from benign.data.images import encoded, path_problem, suffix
from benign.data.record import ImageRef, Message, Record

_ROWS = 256
"""Rows in one Parquet row group: no more than these are held twice while writing."""


def write_jsonl(records: Sequence[Record], path: str | Path) -> None:
    """Write records as JSON Lines; the same records and place give the same bytes.

    A picture that already lies below the file's folder is named where it is. Every other one is copied to a
    folder beside the file, named after the file's stem, under a name made from its content; other files in
    that folder are left alone.

    Raises:
        UserError: The disk is full or the place cannot be written; a file that was there is as it was, and
            the pictures copied so far are removed.
    """
    place = Path(path)
    copies = _Copies(place)
    try:
        lines = [json.dumps(_fields(record, copies), ensure_ascii=False) + "\n" for record in records]
        write_text(place, "".join(lines))
    except BaseException:
        copies.undo()
        raise


def write_parquet(records: Sequence[Record], path: str | Path) -> None:
    """Write records as Parquet, pictures embedded in the Image layout of ``datasets``.

    A picture is a struct of its bytes and a path made from its content. The same records give the same bytes
    with the same pyarrow.

    Raises:
        UserError: The disk is full or the place cannot be written; a file that was there is as it was.
    """
    import pyarrow
    from pyarrow import parquet

    schema = _schema()
    with replacing(path) as file, parquet.ParquetWriter(file, schema) as writer:
        for start in range(0, len(records), _ROWS):
            rows = [_row(record) for record in records[start : start + _ROWS]]
            writer.write_table(pyarrow.Table.from_pylist(rows, schema=schema))


class _Copies:
    """The pictures that a JSON Lines file needs beside it."""

    def __init__(self, place: Path) -> None:
        self._base = place.parent.resolve()
        self._folder = place.parent / place.stem
        self._new_folder = not self._folder.exists()
        self._names: dict[str, str] = {}
        self._written: list[Path] = []

    def name(self, image: ImageRef) -> str:
        """The picture's path relative to the file, copying the picture there if it is not below it."""
        if image.path is not None and image.path.resolve().is_relative_to(self._base):
            inside = image.path.resolve().relative_to(self._base).as_posix()
            if not path_problem(inside) and inside.isprintable():
                return inside
        data = encoded(image)
        if image.digest not in self._names:
            self._names[image.digest] = self._copy(_file_name(image, data), data)
        return self._names[image.digest]

    def _copy(self, name: str, data: bytes) -> str:
        copy = self._folder / name
        if not copy.is_file() or copy.read_bytes() != data:
            write_bytes(copy, data)
            self._written.append(copy)
        return f"{self._folder.name}/{name}"

    def undo(self) -> None:
        """Remove what was copied, and the folder if it was made for it."""
        for copy in self._written:
            with suppress(OSError):
                copy.unlink()
        if self._new_folder:
            with suppress(OSError):
                self._folder.rmdir()


def _fields(record: Record, copies: _Copies) -> dict[str, object]:
    fields: dict[str, object] = {
        "id": record.id, "subject": record.subject, "images": [copies.name(image) for image in record.images],
        "question": record.question, "answer": record.answer,
        "messages": [{"role": turn.role, "content": _content(turn)} for turn in record.messages],
        "text": record.text, "kind": record.kind, "paraphrases": record.paraphrases,
        "perturbed": record.perturbed, "options": record.options, "neighbour": record.neighbour,
        "spans": record.spans, "rewordings": record.rewordings,
    }  # fmt: skip
    return {name: value for name, value in fields.items() if value}


def _content(turn: Message) -> str | list[dict[str, str]]:
    match turn.content:
        case (str() as only,):
            return only
        case _:
            return _parts(turn)


def _parts(turn: Message) -> list[dict[str, str]]:
    return [{"type": "text", "text": p} if isinstance(p, str) else {"type": "image"} for p in turn.content]


def _row(record: Record) -> dict[str, object]:
    row: dict[str, object] = {
        "id": record.id, "subject": record.subject,
        "images": [_embedded(image) for image in record.images],
        "question": record.question, "answer": record.answer,
        "messages": [{"role": turn.role, "content": _parts(turn)} for turn in record.messages],
        "text": record.text, "kind": record.kind, "paraphrases": list(record.paraphrases),
        "perturbed": list(record.perturbed), "options": list(record.options), "neighbour": record.neighbour,
        "spans": [{"field": name, "start": start, "end": end} for name, start, end in record.spans],
        "rewordings": list(record.rewordings),
    }  # fmt: skip
    return {name: value or None for name, value in row.items()}


def _embedded(image: ImageRef) -> dict[str, object]:
    data = encoded(image)
    return {"bytes": data, "path": _file_name(image, data)}


def _file_name(image: ImageRef, data: bytes) -> str:
    return f"{image.digest[:16]}{suffix(data)}"


def _schema() -> object:
    import pyarrow as pa

    text, texts = pa.string(), pa.list_(pa.string())
    part = pa.struct({"type": text, "text": text})
    types = {
        "id": text, "subject": text, "images": pa.list_(pa.struct({"bytes": pa.binary(), "path": text})),
        "question": text, "answer": text,
        "messages": pa.list_(pa.struct({"role": text, "content": pa.list_(part)})),
        "text": text, "kind": text, "paraphrases": texts, "perturbed": texts, "options": texts,
        "neighbour": text,
        "spans": pa.list_(pa.struct({"field": text, "start": pa.int32(), "end": pa.int32()})), "rewordings": texts,
    }  # fmt: skip
    return pa.schema(types)
