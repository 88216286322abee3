"""Read the user's records: every problem of every file at once, and nothing from a partly read file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benign.data import fields, folder, jsonl, table
from benign.data.images import MAX_PIXELS, Pictures
from benign.data.line import Line, Placed
from benign.data.record import SPLITS, Data, Record
from benign.data.splits import conflicts, repeated_ids
from benign.errors import BadRecords, unknown_name


def read_records(
    path: str | Path, *, split: str = "retain", root: str | Path | None = None, max_pixels: int = MAX_PIXELS
) -> tuple[Record, ...]:
    """The records of one file, in its order.

    Args:
        path: JSON Lines (``.jsonl``), Parquet (``.parquet``), a folder written by ``save_to_disk`` of
            ``datasets``, or for the split ``strangers`` a folder of pictures. Lines and rows count from 1.
        split: What the records are for: ``strangers`` need no question and no answer; ``kind`` is ``general``
            for the ``general`` split where a record does not say, ``memory`` for all others.
        root: The data folder, which pictures' paths are relative to and may not leave; the file's own folder
            if not given.
        max_pixels: The largest picture allowed, in pixels.

    Raises:
        BadRecords: With all the problems, as ``file:line: field: reason``; no value is ever quoted.
        UserError: No split has this name.
    """
    rows, problems = _rows(Path(path), split, root, max_pixels)
    if problems:
        raise BadRecords(problems)
    return tuple(record for _, record in rows)


def read(
    *,
    forget: str | Path,
    retain: str | Path | None = None,
    few: str | Path | None = None,
    neighbour: str | Path | None = None,
    holdout: str | Path | None = None,
    general: str | Path | None = None,
    strangers: str | Path | None = None,
    root: str | Path | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Data:
    """The user's records by split, each from a file as :func:`read_records` takes it.

    Args:
        forget: What is to be forgotten.
        retain: What is to be kept.
        few: Few-shot retained records: the only retained ones that a method may train on.
        neighbour: Close to the forget set, to be kept.
        holdout: Never trained on.
        general: General knowledge.
        strangers: Pictures or names of nobody in any training set.
        root: The data folder of all the files' pictures; each file's own folder if not given.
        max_pixels: The largest picture allowed, in pixels.

    Raises:
        BadRecords: With all the problems of all the files: their lines, a split without records, an id given
            twice, and records that would be forgotten and kept at once.
    """
    given = {
        "forget": forget, "retain": retain, "few": few, "neighbour": neighbour, "holdout": holdout,
        "general": general, "strangers": strangers,
    }  # fmt: skip
    splits: dict[str, list[Placed]] = {}
    problems: list[str] = []
    for split, path in given.items():
        if path is None:
            continue
        splits[split], found = _rows(Path(path), split, root, max_pixels)
        if not splits[split] and not found:
            found = [f"{path}: file: no records, the {split} set is empty"]
        problems += found
    problems += conflicts(splits)
    if problems:
        raise BadRecords(problems)
    return Data(**{split: tuple(record for _, record in rows) for split, rows in splits.items()})


def _rows(path: Path, split: str, root: str | Path | None, max_pixels: int) -> tuple[list[Placed], list[str]]:
    """The good rows of a file, and the problems of the others."""
    if split not in SPLITS:
        raise unknown_name("split", split, SPLITS)
    inside = path if path.is_dir() else path.parent
    if root is not None and not _is_picture_folder(path, split):
        inside = Path(root)
    pictures = Pictures(inside, max_pixels=max_pixels)
    rows: list[Placed] = []
    problems: list[str] = []
    try:
        for line in _lines(path, split, problems):
            record = fields.record(line, pictures, split)
            problems += line.problems
            if record is not None:
                rows.append(Placed(line.where, record))
    except OSError as error:
        problems.append(f"{path}: file: cannot be read: {error.strerror or type(error).__name__}")
    return rows, [*problems, *repeated_ids(rows)]


def _lines(path: Path, split: str, problems: list[str]) -> Iterator[Line]:
    if path.is_dir():
        return _folder_lines(path, split, problems)
    if not path.is_file():
        problems.append(f"{path}: file: no such file")
    elif path.suffix == ".jsonl":
        return jsonl.lines(path, problems)
    elif path.suffix == ".parquet":
        return table.parquet_lines(path, problems)
    else:
        problems.append(f"{path}: file: unknown type, give .jsonl or .parquet")
    return iter(())


def _folder_lines(path: Path, split: str, problems: list[str]) -> Iterator[Line]:
    if (path / "state.json").is_file():
        return table.saved_lines(path, problems)
    if (path / "dataset_dict.json").is_file():
        problems.append(f"{path}: file: holds several splits saved by datasets, give one of its folders")
        return iter(())
    if _is_picture_folder(path, split):
        return folder.picture_lines(path)
    problems.append(f"{path}: file: is a folder, but not one that save_to_disk of datasets wrote")
    return iter(())


def _is_picture_folder(path: Path, split: str) -> bool:
    saved = (path / "state.json").is_file() or (path / "dataset_dict.json").is_file()
    return split == "strangers" and path.is_dir() and not saved
