"""What is seen of a model along its training, and what that costs without the looking."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from benign.data.record import Data, Record
from benign.engine.draw import drawn
from benign.engine.log import Log
from benign.engine.measure import measured
from benign.engine.meter import Meter
from benign.engine.recipe import Measure, Method, Train
from benign.engine.scales import Scales
from benign.engine.train import Job, Report, train
from benign.models.change import Delta
from benign.models.load import Model
from benign.parts.targets import Context

Seen = dict[str, float]


@dataclass
class Way:
    """One training: what was seen every so many steps, the change of the weights where it stopped (none of an adapter's
    that was stopped), and what it cost without the looking."""

    seen: list[Seen] = field(default_factory=list)
    delta: Delta | None = None
    steps: int = 0
    seconds: float = 0.0
    """On the clock."""
    cpu_seconds: float = 0.0
    """Of the processor."""
    preparing: float = 0.0
    """Of these, before the first step: weights, statistics, importances."""
    peak_rss_mb: float = 0.0
    weights: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By term, how much each record counts."""

    def at(self, column: str, value: float, *, rising: bool = False) -> Seen | None:
        """What was seen where the column first passed the value, between two looks on a straight line; None if never.

        What is not looked at before is as it is after.
        """
        sign = -1 if rising else 1
        for last, now in pairwise([self.seen[0], *self.seen]):
            if sign * now[column] <= sign * value:
                moved = last[column] - now[column]
                part = (last[column] - value) / moved if moved else 1.0
                return {name: (1 - part) * last.get(name, now[name]) + part * now[name] for name in now}
        return None

    def end(self, column: str, value: float, *, rising: bool = False) -> dict[str, float | None]:
        """The same; where it never passed, what was seen last, and no step."""
        found = self.at(column, value, rising=rising)
        return {**found} if found else {**self.seen[-1], "step": None}

    @property
    def cost(self) -> Seen:
        """What it cost, as columns."""
        names = ("seconds", "cpu_seconds", "preparing", "peak_rss_mb")
        return {name: float(getattr(self, name)) for name in names}


class Look(Protocol):
    """Sees a model as it is now."""

    @property
    def model(self) -> Model:
        """What is trained and seen."""
        ...

    @property
    def data(self) -> Data:
        """What it is trained on."""
        ...

    @property
    def start(self) -> Seen | None:
        """What is seen before the first step, where that is looked at."""
        ...

    def __call__(self, way: Way, last: bool) -> Seen:
        """What is seen after the training so far; ``last`` says that it is over."""
        ...


class Enough(Exception):
    """Training need not go on."""


def _never(_: Seen) -> bool:
    return False


def _gold(records: Sequence[Record]) -> list[str]:
    return [record.gold for record in records]


def trained(
    look: Look, method: Method, seed: int, *, every: int = 2, until: Callable[[Seen], bool] = _never,
    original: Callable[[Sequence[Record]], list[str]] = _gold,
) -> Way:  # fmt: skip
    """Train the method's only training stage, looking every so many steps, until enough was seen.

    ``original`` answers as the model did before, for methods that ask.
    """
    way, aside = Way([{"step": 0, **look.start}] if look.start else []), np.zeros(2)
    before = {name: weight.detach().clone() for name, weight in look.model.module.named_parameters()}

    def report(what: str, done: int, total: int) -> None:
        nonlocal aside
        if not what.startswith("train"):
            way.preparing = float(_now()[1] - began[1])
            return
        way.steps = done
        if done % every and done != total:
            return
        looking = _now()
        way.seen.append({"step": done, **look(way, done == total)})
        enough = until(way.seen[-1])
        if enough:
            way.delta = _changed(look.model, before)
        aside += _now() - looking
        if enough:
            raise Enough

    with TemporaryDirectory() as folder, Meter() as meter:
        began = _now()
        job = _job(look, method, Context(look.data, seed, original), Path(folder), report, way)
        way.preparing = float(_now()[1] - began[1])
        with suppress(Enough):
            way.delta = train(job)[0]
        way.seconds, way.cpu_seconds = (float(spent) for spent in _now() - began - aside)
    way.peak_rss_mb = meter.peak_rss_mb
    return way


def _job(look: Look, method: Method, context: Context, folder: Path, report: Report, way: Way) -> Job:
    stages, model, data = method.recipe().stages, look.model, look.data
    (stage,) = (stage for stage in stages if isinstance(stage, Train))
    statistics = {
        one.name: measured(model, one, data, folder, lambda *_: None) for one in stages if isinstance(one, Measure)
    }
    scales = Scales(model, stage, context, folder / "statistics", lambda *_: None)
    steps = drawn(stage, context, scales)
    way.weights = scales.found
    log, curvature = Log(folder / "log"), statistics.get(stage.curvature)
    return Job(model, stage, steps, context.seed, "key", folder, log, report, 1e9, data, curvature=curvature)


def _changed(model: Model, before: Mapping[str, Tensor]) -> Delta | None:
    now = dict(model.module.named_parameters())
    if now.keys() != before.keys():
        return None
    moved = {name: now[name].detach() - then for name, then in before.items()}
    return Delta({name: change for name, change in moved.items() if bool(change.any())})


def _now() -> Any:
    return np.array([time.perf_counter(), time.process_time()])


def light(method: Any, lr: float = 2e-3, steps: int = 50) -> Any:
    """The method with small batches, so that a run takes seconds: 6 forget and 10 retained records per step."""
    wanted = {"forget_batch": 6, "retain_batch": 10}
    known = {one.name for one in fields(method)}
    optim = replace(method.optim, lr=lr, steps=steps)
    return replace(method, optim=optim, **{name: value for name, value in wanted.items() if name in known})
