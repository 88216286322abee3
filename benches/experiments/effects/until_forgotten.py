"""Train a method until so much is forgotten, and see what is left of the rest: methods compared at equal forgetting."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
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
    found: dict[str, float] = field(default_factory=dict)
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
            forget = share(self.model, self.data.forget)
            if forget <= self.goal or done == total:
                self.found = {"steps": done, **known(self.model, self.data), **self.also()}
                raise Forgotten
            self.looking += time.perf_counter() - start


def share(model: Model, records: Sequence[Record], wording: int | None = None) -> float:
    """The share of records whose answer greedy decoding gives exactly."""
    model.module.eval()
    with torch.no_grad():
        return float(exam.correct(model.module, records, wording).mean())


def known(model: Model, data: Data) -> dict[str, float]:
    """What the model as it is now knows of each split."""
    return {
        "forget": share(model, data.forget),
        "reworded": share(model, data.forget, 0),
        "retain": share(model, data.retain[::4]),
        "neighbour": share(model, data.neighbour),
        "general": share(model, data.general),
    }


def until_forgotten(
    model: Model,
    method: Method,
    data: Data,
    *,
    seed: int,
    goal: float = 0.05,
    every: int = 5,
    also: Callable[[], dict[str, float]] = dict,
) -> dict[str, Any]:
    """Steps, seconds and memory until at most ``goal`` of the forget answers are exactly right, and what is left."""
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
    return {**watch.found, "preparing_seconds": watch.preparing, "seconds": seconds, "peak_rss_mb": meter.peak_rss_mb}


def written(name: str, found: Any) -> None:
    """Write and print results."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    text = json.dumps(found, indent=1, sort_keys=True) + "\n"
    (RESULTS / f"{name}.json").write_text(text, encoding="utf-8")
    print(text)  # noqa: T201
