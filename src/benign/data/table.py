"""Tables: Parquet files and folders that ``datasets`` saved, row by row and with pictures left encoded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from benign.data.fields import FIELDS, unknown
from benign.data.line import Line

_ROWS = 256
"""Rows decoded at a time: embedded pictures make rows large."""


def parquet_lines(path: Path, problems: list[str]) -> Iterator[Line]:
    """The rows of a Parquet file, counted from 1.

    Raises:
        OSError: The file cannot be read.
    """
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            columns = _known_columns(path, file.schema_arrow.names, problems)
            batches = file.iter_batches(batch_size=_ROWS, columns=columns)
            yield from _lines(path, (batch.to_pylist() for batch in batches))
    except (pyarrow.ArrowException, UnicodeDecodeError):
        problems.append(f"{path}: file: broken, or no Parquet file")
    except OSError as error:
        if error.errno:
            raise
        problems.append(f"{path}: file: broken, or no Parquet file")  # Arrow's own, for a bad page


def saved_lines(path: Path, problems: list[str]) -> Iterator[Line]:
    """The rows of a ``datasets`` folder (``save_to_disk``), counted from 1; needs the ``datasets`` package.

    Raises:
        OSError: The folder cannot be read.
    """
    try:
        from datasets import load_from_disk
    except ImportError:
        fix = "pip install 'benign[datasets]', or save it with to_parquet()"
        problems.append(f"{path}: file: a folder saved by datasets needs that package: {fix}")
        return
    try:
        saved = load_from_disk(str(path))
        columns = _known_columns(path, saved.column_names, problems)
        # the Arrow format hands over the stored bytes: a decoded picture would have another digest
        batches = saved.select_columns(columns).with_format("arrow").iter(batch_size=_ROWS)
        yield from _lines(path, (batch.to_pylist() for batch in batches))
    except OSError:
        raise
    except Exception:  # noqa: BLE001 - a broken folder raises whatever its reader stumbles over
        problems.append(f"{path}: file: broken, or not saved by save_to_disk")


def _known_columns(path: Path, names: list[str], problems: list[str]) -> list[str]:
    for number, name in enumerate(names, 1):
        if name not in FIELDS:
            problems.append(f"{path}: {': '.join(unknown(name, number))}")
    return [name for name in names if name in FIELDS]


def _lines(path: Path, batches: Iterable[list[dict[str, object]]]) -> Iterator[Line]:
    number = 0
    for batch in batches:
        for row in batch:
            number += 1
            yield Line(f"{path}:{number}", row)
