"""What a model recalls of some records while it is trained: the looks that several measurements share."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from benign.data.record import Data, Record
from benign.engine.draw import drawn
from benign.engine.log import Log
from benign.engine.meter import Meter
from benign.engine.recipe import Method, Train
from benign.engine.scales import Scales
from benign.engine.serve import Served
from benign.engine.train import Job, train
from benign.models.embedded.text import exam, world
from benign.models.load import Model
from benign.models.pack import packed_rows
from benign.parts.targets import Context

RESULTS = Path(__file__).parents[2] / "results" / "effects"
CHUNK = 100
PARTS = ("kept", "left out")
"""The groups of forget records that a coreset makes."""


@dataclass
class Run:
    """One training: what was seen on the way, what it cost without the looking."""

    seen: list[dict[str, float]] = field(default_factory=list)
    weights: dict[str, dict[str, float]] = field(default_factory=dict)
    seconds: float = 0.0
    """Processor time."""
    weighing: float = 0.0
    """Of it, before the first step."""
    peak_rss_mb: float = 0.0


def light(method: Any, lr: float = 2e-3, steps: int = 50) -> Any:
    """The method with small batches, so that a run takes seconds: 6 forget and 10 retained records per step."""
    wanted = {"forget_batch": 6, "retain_batch": 10}
    known = {one.name for one in fields(method)}
    optim = replace(method.optim, lr=lr, steps=steps)
    return replace(method, optim=optim, **{name: value for name, value in wanted.items() if name in known})


def tofu_like(ratio: int) -> Data:
    """The embedded authors, with the whole retain set to train on, as TOFU has it."""
    return replace(world.splits(ratio), few=())


@torch.no_grad()
def recalled(model: Model, records: Sequence[Record], *, exact: bool = True) -> dict[str, float]:
    """The mean probability per answer token, and the share of exact greedy answers."""
    model.module.eval()
    logp = []
    for start in range(0, len(records), CHUNK):
        rows = packed_rows(model, [model.encoder.full(record) for record in records[start : start + CHUNK]])
        logp.append(rows.logp_per_record / rows.rows_per_record)
    found = {"probability": float(torch.cat(logp).exp().mean())}
    return found | ({"exact": float(exam.correct(model.module, records).mean())} if exact else {})


def watched(
    model: Model, method: Method, data: Data, looked: Mapping[str, Sequence[Record]], *, seed: int, every: int
) -> Run:
    """Train the method's only stage, and look at the named groups of records every so many steps and at the end."""
    (stage,) = method.recipe().stages
    assert isinstance(stage, Train)
    run, aside = Run(), 0.0

    def report(what: str, done: int, total: int) -> None:
        nonlocal aside
        if what.startswith("train") and (done % every == 0 or done == total):
            began = time.process_time()
            found = {name: recalled(model, records, exact=done == total) for name, records in looked.items()}
            flat = {f"{name} {key}": value for name, row in found.items() for key, value in row.items()}
            run.seen.append({"step": done, **flat})
            aside += time.process_time() - began

    context = Context(data, seed, lambda records: said(model, records))
    with TemporaryDirectory() as folder, Meter() as meter:
        place, began = Path(folder), time.process_time()
        scales = Scales(model, stage, context, place / "statistics", lambda *_: None)
        steps = drawn(stage, context, scales)
        run.weighing = time.process_time() - began
        weights = scales.found.get("forget", {})
        if not all(weights.values()):
            parts = {name: [r for r in data.forget if bool(weights[r.id]) == (name == "kept")] for name in PARTS}
            looked = {**looked, **parts}
        train(Job(model, stage, steps, seed, "key", place, Log(place / "log"), report, 1e9, data))
        run.seconds = time.process_time() - began - aside
    run.weights, run.peak_rss_mb = scales.found, meter.peak_rss_mb
    return run


_SAID: dict[str, str] = {}


def said(model: Model, records: Sequence[Record]) -> list[str]:
    """What the original answers; it does so once for all seeds."""
    missing = list({r.digest: r for r in records if r.digest not in _SAID}.values())
    if missing:
        answers = Served(model).generate(missing, max_new_tokens=24)
        _SAID.update({record.digest: answer for record, answer in zip(missing, answers, strict=True)})
    return [_SAID[record.digest] for record in records]


def at(run: Run, column: str, value: float) -> dict[str, float] | None:
    """What was seen where ``column`` first fell to ``value``, between two looks on a straight line; None if never."""
    before: dict[str, float] | None = None
    for now in run.seen:
        if now[column] <= value:
            last = before or now
            fell = last[column] - now[column]
            part = (last[column] - value) / fell if fell > 0 else 1.0
            return {name: (1 - part) * last[name] + part * now[name] for name in now if name in last}
        before = now
    return None


def means(rows: Sequence[Mapping[str, Any]], by: Sequence[str] = ("row",)) -> dict[str, dict[str, list[float]]]:
    """Per row of the table and column, mean and sample standard deviation over the seeds."""
    table: dict[str, dict[str, list[float]]] = {}
    for name in dict.fromkeys(" ".join(str(row[key]) for key in by) for row in rows):
        mine = [row for row in rows if " ".join(str(row[key]) for key in by) == name]
        columns = [c for c, v in mine[0].items() if isinstance(v, float)]
        known = {c: [row[c] for row in mine if row.get(c) is not None] for c in columns}
        table[name] = {
            c: [round(float(np.mean(v)), 3), round(float(np.std(v, ddof=1 if len(v) > 1 else 0)), 3)]
            for c, v in known.items()
        }
    return table


def written(name: str, rows: Sequence[Mapping[str, Any]], **more: Any) -> None:
    """Add the rows to the results of the same name, in place of those of the same row and seed, and print the means."""
    path = RESULTS / f"{name}.json"
    there = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
    fresh = {(row["row"], row["seed"]) for row in rows}
    kept = [*(row for row in there if (row["row"], row["seed"]) not in fresh), *rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    told = {**more, "table": means(kept), "rows": kept}
    path.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(means(rows), indent=1) + "\n")
