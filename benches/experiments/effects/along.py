"""What is kept along a training's way, read off where every run has forgotten equally much."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

import benign
from benign.data.record import Data, Record
from benign.data.softmax import divergence
from benign.engine.draw import drawn
from benign.engine.log import Log
from benign.engine.measure import measured
from benign.engine.meter import Meter
from benign.engine.recipe import Measure, Method, Train
from benign.engine.train import Job, train
from benign.models.change import Delta
from benign.models.embedded.text import world
from benign.models.load import Model
from benign.models.pack import packed_rows
from benign.parts.targets import Context

RESULTS = Path(__file__).parents[2] / "results" / "effects"


@dataclass
class Looks:
    """Probabilities of answers and the divergence from the original, on fixed records that no training sees."""

    model: Model
    data: Data
    few: int = 160
    start: dict[str, float] = field(default_factory=dict)
    """What is seen of the original."""
    before: dict[str, torch.Tensor] = field(default_factory=dict)
    """The weights that are compared with."""
    _original: torch.Tensor | None = None

    def __post_init__(self) -> None:
        """Remember what the original says."""
        self._original = self._rows(self.retained)[1]
        self.start = self(whole=True)
        self.remember()

    def remember(self) -> None:
        """Take the weights as they are now for those that ``changed`` compares with."""
        self.before = {name: p.detach().clone() for name, p in self.model.module.named_parameters()}

    @property
    def retained(self) -> Sequence[Record]:
        """Retained records that are not among those trained on."""
        seen = {record.id for record in self.data.few}
        unseen = [record for record in self.data.retain if record.id not in seen]
        return unseen[:: max(1, len(unseen) // self.few)][: self.few]

    def __call__(self, *, whole: bool = True) -> dict[str, float]:
        """Mean answer probability (per token) and loss of the forgotten records; once these begin to go, the
        probability of the retained ones and their KL divergence in nats per token."""
        forget, _ = self._rows(self.data.forget)
        found = {"forget": float(forget.exp().mean()), "forget_loss": float(-forget.mean())}
        if found["forget"] > 0.9 and not whole:
            return found
        retain, rows = self._rows(self.retained)
        assert self._original is not None
        kl = divergence(self._original.log_softmax(-1), rows).mean()
        return {**found, "retain": float(retain.exp().mean()), "retain_kl": float(kl)}

    def changed(self) -> Delta | None:
        """How far the weights are from those remembered; None where an adapter hides them."""
        now = dict(self.model.module.named_parameters())
        if now.keys() != self.before.keys():
            return None
        moved = {name: now[name].detach() - then for name, then in self.before.items()}
        return Delta({name: change for name, change in moved.items() if bool(change.any())})

    @torch.no_grad()
    def _rows(self, records: Sequence[Record]) -> tuple[torch.Tensor, torch.Tensor]:
        self.model.module.eval()
        found = packed_rows(self.model, [self.model.encoder.full(record) for record in records])
        return found.logp_per_record / found.rows_per_record, found.logits


@dataclass
class Way:
    """One run: what was seen every so many steps, the change of the weights where it stopped (none of an adapter's),
    and what it cost without the looking."""

    seen: list[dict[str, float]] = field(default_factory=list)
    delta: Delta | None = None
    cpu_seconds: float = 0.0
    steps: int = 0
    peak_rss_mb: float = 0.0


def trained(
    looks: Looks, method: Method, seed: int, *, every: int = 2, until: Callable[[Mapping[str, float]], bool]
) -> Way:
    """Train the method's only training stage on the embedded model, and stop as soon as enough is forgotten."""
    stages = method.recipe().stages
    stage = next(stage for stage in stages if isinstance(stage, Train))
    context = Context(looks.data, seed, lambda records: [r.gold for r in records])
    way, aside = Way([{"step": 0, **looks.start}]), 0.0

    class Enough(Exception):
        """Enough is forgotten."""

    def report(what: str, done: int, total: int) -> None:
        nonlocal aside
        if not what.startswith("train"):
            return
        if done % every == 0 or done == total:
            start = time.process_time()
            way.seen.append({"step": done, **looks(whole=done == total)})
            aside += time.process_time() - start
        way.steps = done
        if way.seen and way.seen[-1]["step"] == done and until(way.seen[-1]):
            way.delta = looks.changed()
            raise Enough

    with TemporaryDirectory() as scratch, Meter() as meter:
        folder, start = Path(scratch), time.process_time()
        found = {
            one.name: measured(looks.model, one, looks.data, folder, lambda *_: None)
            for one in stages
            if isinstance(one, Measure)
        }
        job = Job(
            looks.model, stage, drawn(stage, context), seed, "key", folder, Log(folder / "log"), report, 1e9,
            looks.data, curvature=found.get(stage.curvature),
        )  # fmt: skip
        with suppress(Enough):
            way.delta = train(job)[0]
        way.cpu_seconds = time.process_time() - start - aside
    way.peak_rss_mb = meter.peak_rss_mb
    return way


def at(way: Way, column: str, value: float) -> dict[str, float] | None:
    """What was seen where ``column`` first passed ``value``, between two looks in a straight line; None if never."""
    for last, now in pairwise(way.seen):
        if min(last[column], now[column]) <= value <= max(last[column], now[column]) and now[column] != last[column]:
            share = (value - last[column]) / (now[column] - last[column])
            return {name: last.get(name, now[name]) + share * (now[name] - last.get(name, now[name])) for name in now}
    return None


def spread(rows: Sequence[Mapping[str, Any]], *columns: str) -> dict[str, list[float]]:
    """Mean and standard deviation over the seeds."""
    found = {c: [float(row[c]) for row in rows if row.get(c) is not None] for c in columns}
    return {
        c: [round(float(np.mean(v)), 4), round(float(np.std(v, ddof=len(v) > 1)), 4)] for c, v in found.items() if v
    }


def asking(seed: int) -> Data:
    """Two authors who ask to be forgotten, others for each seed; the rest as in the split of one percent."""
    usual, more = world.splits(1), world.splits(10)
    subjects = list(dict.fromkeys(record.subject for record in (*usual.forget, *more.forget)))
    chosen = subjects[2 * seed : 2 * seed + 2]
    known = (*usual.forget, *usual.retain)
    return replace(
        usual,
        forget=tuple(record for record in known if record.subject in chosen),
        retain=tuple(record for record in known if record.subject not in chosen),
    )


def run(name: str, measure: Callable[[Looks, int], Iterable[dict[str, Any]]], columns: Sequence[str]) -> None:
    """Measure for each seed; what an earlier call found for other seeds stays in the file."""
    parser = argparse.ArgumentParser(description=f"The effect of {name} on embedded:lm.")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=0)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    model = benign.load("embedded:lm")
    file = RESULTS / f"{name}.json"
    rows = json.loads(file.read_text(encoding="utf-8"))["rows"] if file.exists() else []
    table: dict[str, Any] = {}
    for seed in range(asked.first, asked.first + asked.seeds):
        found, looks = [], Looks(model, asking(seed))
        for row in measure(looks, seed):
            found.append({"seed": seed, **row})
            sys.stderr.write(json.dumps(found[-1]) + "\n")
        rows = sorted([*(row for row in rows if row["seed"] != seed), *found], key=lambda row: int(row["seed"]))
        names = list(dict.fromkeys(row["row"] for row in rows))
        table = {one: spread([row for row in rows if row["row"] == one], *columns) for one in names}
        RESULTS.mkdir(parents=True, exist_ok=True)
        told = {"table": table, "rows": rows}
        file.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(table, indent=1) + "\n")
