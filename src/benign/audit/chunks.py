"""Observations on disk: numbered Parquet files whose names carry the digest of their bytes.

A damaged file is found before it is parsed, and a resumed audit writes the same names again.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benign.audit.observation import Observation, OptionScore
from benign.data.atomic import write_bytes

SCHEMA_VERSION = 3
_OPTION = pa.struct([("text", pa.string()), ("logp", pa.float64()), ("tokens", pa.int32())])
_TEXTS = ("record", "split", "subject", "kind", "route", "view", "question", "gold", "text")
_NUMBERS = ("logp", "mean", "std")
_ANSWERS = ("options", "rewordings", "perturbed")
_SCHEMA = pa.schema(
    [(name, pa.string()) for name in _TEXTS]
    + [(name, pa.list_(pa.float64())) for name in _NUMBERS]
    + [("greedy", pa.list_(pa.bool_())), ("samples", pa.list_(pa.string()))]
    + [(name, pa.list_(_OPTION)) for name in _ANSWERS]
)


def save_chunk(folder: Path, index: int, rows: Sequence[Observation]) -> Path:
    """Write one chunk atomically; the same rows give the same bytes and the same name."""
    table = pa.Table.from_pylist([_plain(row) for row in rows], schema=_SCHEMA)
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    content = buffer.getvalue()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{index:05d}-{_digest(content)}.parquet"
    write_bytes(path, content)
    return path


def load_chunk(folder: Path, index: int) -> tuple[Observation, ...] | None:
    """The rows of one chunk; None where it is missing or damaged (damaged files are removed)."""
    for path in sorted(folder.glob(f"{index:05d}-*.parquet")):
        content = path.read_bytes()
        if path.stem.split("-", 1)[1] == _digest(content):
            return tuple(_row(plain) for plain in pq.read_table(io.BytesIO(content)).to_pylist())
        path.unlink()
    return None


def _plain(row: Observation) -> dict[str, Any]:
    # asdict() copies every number of every token.
    return vars(row) | {name: [vars(answer) for answer in getattr(row, name)] for name in _ANSWERS}


def _row(plain: dict[str, Any]) -> Observation:
    answers = {name: tuple(OptionScore(**answer) for answer in plain[name]) for name in _ANSWERS}
    series = {name: tuple(plain[name]) for name in (*_NUMBERS, "greedy", "samples")}
    return Observation(**{**plain, **answers, **series})


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]
