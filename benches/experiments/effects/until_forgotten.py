"""Train a method until so much is forgotten, and see what is left of the rest: methods compared at equal forgetting."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Any

import torch

from benign.data.record import Data, Record
from benign.engine.draw import drawn
from benign.engine.log import Log
from benign.engine.meter import Meter
from benign.engine.recipe import Method, Train
from benign.engine.train import Job, train
from benign.models.embedded.text import exam
from benign.models.load import Model
from benign.parts.targets import Context

STRIDE = 13
"""Every so many retained records are asked; no multiple of the ten facts of an author."""
RESULTS = Path(__file__).parents[2] / "results" / "effects"


class Forgotten(Exception):
    """Enough is forgotten."""


@dataclass
class Watch:
    """Looks every so many steps, and stops at the goal."""

    model: Model
    data: Data
    goal: float
    every: int
    also: Callable[[], dict[str, float]]
    """Looked at at the end too."""
    looks: list[dict[str, float]] = field(default_factory=list)
    last: dict[str, float] = field(default_factory=dict)
    preparing: float = 0.0
    """Seconds before the first step."""
    looking: float = 0.0
    _began: float = field(default_factory=time.perf_counter)

    def __call__(self, what: str, done: int, total: int) -> None:
        """Called by the training loop."""
        if not what.startswith("train"):
            self.preparing = time.perf_counter() - self._began
        elif done % self.every == 0 or done == total:
            start = time.perf_counter()
            forget, retain = share(self.model, self.data.forget), share(self.model, self.data.retain[::STRIDE])
            self.looks.append({"steps": done, "forget": forget, "retain": retain})
            ends = forget <= self.goal or done == total
            if ends:
                self.last = {"general": share(self.model, self.data.general[::3]), **self.also()}
            self.looking += time.perf_counter() - start
            if ends:
                raise Forgotten

    def at_the_goal(self) -> dict[str, float]:
        """Steps and retained answers at the goal, on a straight line between the looks before and after it; the rest at
        the look after it."""
        after, before = self.looks[-1], self.looks[max(0, len(self.looks) - 2)]
        fell = before["forget"] - after["forget"]
        part = min(1.0, (before["forget"] - self.goal) / fell) if fell > 0 else 1.0
        return {name: (1 - part) * before[name] + part * after[name] for name in after} | self.last


def share(model: Model, records: Sequence[Record], wording: int | None = None) -> float:
    """The share of records whose answer greedy decoding gives exactly."""
    model.module.eval()
    with torch.no_grad():
        return float(exam.correct(model.module, records, wording).mean())


def known(model: Model, data: Data) -> dict[str, float]:
    """What the model as it is now knows of each split."""
    return {
        "forget": share(model, data.forget),
        "retain": share(model, data.retain[::STRIDE]),
        "general": share(model, data.general),
    }


def until_forgotten(
    model: Model,
    method: Method,
    data: Data,
    *,
    seed: int,
    goal: float = 0.1,
    every: int = 5,
    also: Callable[[], dict[str, float]] = dict,
) -> dict[str, Any]:
    """Steps, seconds and memory until ``goal`` of the forget answers are exactly right, and what is left then."""
    (stage,) = method.recipe().stages
    assert isinstance(stage, Train)
    context = Context(data, seed, lambda records: [r.gold for r in records])
    with TemporaryDirectory() as folder, Meter() as meter:
        place, start = Path(folder), time.perf_counter()
        watch = Watch(model, data, goal, every, also)
        job = Job(model, stage, drawn(stage, context), seed, "key", place, Log(place / "log"), watch, 1e9, data)
        with suppress(Forgotten):
            train(job)
        seconds = time.perf_counter() - start - watch.looking
    return {
        **watch.at_the_goal(),
        "preparing_seconds": watch.preparing,
        "seconds": seconds,
        "peak_rss_mb": meter.peak_rss_mb,
    }


def filled(
    name: str, methods: Mapping[str, Method], seeds: Sequence[int], run: Callable[[Method, int], dict[str, float]]
) -> None:
    """Run what is missing of every method with every seed, and write and print what there is after each run."""
    for seed, (label, method) in product(seeds, methods.items()):
        found = read(name)
        runs = found.setdefault("runs", {}).setdefault(label, {})
        if str(seed) in runs:
            continue
        runs[str(seed)] = {key: round(value, 4) for key, value in run(method, seed).items()}
        found["means"] = {
            which: {key: round(mean(one[key] for one in many.values()), 4) for key in next(iter(many.values()))}
            for which, many in found["runs"].items()
        }
        write(name, found)
        print(label, seed, runs[str(seed)], flush=True)  # noqa: T201


def read(name: str) -> dict[str, Any]:
    """The results so far."""
    path = RESULTS / f"{name}.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def write(name: str, found: Mapping[str, Any]) -> None:
    """Replace the results."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
