"""Effects are measured seed after seed: who is forgotten with each, and the file whose missing rows are filled."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatch
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch

import benign
from benign.data.record import Data, Record
from benign.models.embedded import world as people_world
from benign.models.embedded.text import world as text_world

RESULTS = Path(__file__).parents[2] / "results" / "effects"
Row = Mapping[str, Any]
Jobs = Mapping[str, Callable[[], Row | Sequence[Row]]]
"""What is measured with one seed: by the name of its row. A job may find more rows, which then name themselves."""


def fill(name: str, jobs: Callable[[int], Jobs], once: Callable[[], Row] | None = None) -> None:
    """Measure what ``benches/results/effects/NAME.json`` lacks, and write it after every job.

    The command line says which seeds (``--seeds N --first K``: N of them from K on) and which rows (``--only`` with
    patterns such as ``npo*``). ``once`` finds what no seed changes. To measure a row again, take it out of the file.
    """
    parser = argparse.ArgumentParser(description=f"Fill {name}.json.")
    parser.add_argument("--seeds", type=int, default=3, help="how many seeds")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--only", nargs="*", default=["*"], help="these rows alone")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    file = RESULTS / f"{name}.json"
    if once and "once" not in read(file):
        write(file, read(file).get("rows", []), {"once": once()})
    for seed in range(asked.first, asked.first + asked.seeds):
        for label, job in jobs(seed).items():
            told = read(file)
            rows = told.get("rows", [])
            there = any((row["row"], row["seed"]) == (label, seed) for row in rows)
            if there or not any(fnmatch(label, pattern) for pattern in asked.only):
                continue
            found = job()
            for row in [found] if isinstance(found, Mapping) else found:
                rows.append({"row": label, "seed": seed, **{key: _short(value) for key, value in row.items()}})
                sys.stdout.write(f"{json.dumps(rows[-1])}\n")
                sys.stdout.flush()
            write(file, rows, {"once": told["once"]} if "once" in told else {})


def read(file: Path) -> dict[str, Any]:
    """The results so far."""
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else {}


def write(file: Path, rows: Sequence[Row], more: Row) -> None:
    """Replace the results: rows in the order of their seeds, before them their means."""
    ordered = sorted(rows, key=lambda row: int(row["seed"]))
    told = {"benign": benign.__version__, **more, "table": means(ordered), "rows": ordered}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def means(rows: Sequence[Row]) -> dict[str, dict[str, list[float]]]:
    """By row and column: mean, standard deviation (of the sample) and number of the seeds."""
    table: dict[str, dict[str, list[float]]] = {}
    for label in dict.fromkeys(row["row"] for row in rows):
        columns: dict[str, list[float]] = {}
        for row in rows:
            for key, value in row.items():
                if row["row"] == label and key != "seed" and type(value) in (int, float):
                    columns.setdefault(key, []).append(value)
        table[label] = {
            key: [_short(float(np.mean(v))), _short(float(np.std(v, ddof=len(v) > 1))), len(v)]
            for key, v in columns.items()
        }
    return table


def _short(value: Any) -> Any:
    return round(value, 6) if isinstance(value, float) else value


def authors(seed: int) -> Data:
    """Ten of the 200 authors are to be forgotten, drawn by the seed; 18 others are at hand."""
    return _drawn(text_world.splits(1), seed, 10, 18)


def people(seed: int) -> Data:
    """Four of the 80 people in pictures are to be forgotten, drawn by the seed; seven others are at hand."""
    return _drawn(people_world.splits(5), seed, 4, 7)


def with_general(data: Data) -> Data:
    """Every fourth general question is at hand too, and then not asked."""
    known = data.general[1::4]
    return replace(
        data, retain=(*data.retain, *known), few=(*data.few, *known),
        general=tuple(record for record in data.general if record not in known),
    )  # fmt: skip


def two_authors(seed: int) -> Data:
    """Two authors ask to be forgotten, others for each seed; the rest as in the split of one percent."""
    usual, more = text_world.splits(1), text_world.splits(10)
    subjects = list(dict.fromkeys(record.subject for record in (*usual.forget, *more.forget)))
    chosen = subjects[2 * seed : 2 * seed + 2]
    known = (*usual.forget, *usual.retain)
    return replace(
        usual,
        forget=tuple(record for record in known if record.subject in chosen),
        retain=tuple(record for record in known if record.subject not in chosen),
    )


def _drawn(data: Data, seed: int, forget: int, few: int) -> Data:
    known: dict[str, list[Record]] = {}
    for record in (*data.forget, *data.retain):
        known.setdefault(record.subject, []).append(record)
    order = np.random.default_rng((seed, 51)).permutation(len(known))
    drawn = [known[sorted(known)[i]] for i in order]

    def of(some: Sequence[Sequence[Record]]) -> tuple[Record, ...]:
        return tuple(chain.from_iterable(some))

    rest = drawn[forget:]
    return replace(data, forget=of(drawn[:forget]), retain=of(rest), few=of(rest[:few]), neighbour=())
