"""Run a method on a model: its recipe's stages in order, resumable, into a folder that holds all there is to know."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import benign
from benign.data.atomic import write_text
from benign.data.record import Data
from benign.engine import canonical
from benign.engine.choices import recipe_of
from benign.engine.compose import Composed
from benign.engine.draw import drawn
from benign.engine.fitting import OriginalFitting
from benign.engine.follow import Follower, described, followed
from benign.engine.guard import Fitted, save_guard
from benign.engine.log import Log
from benign.engine.mark import finished, mark, withdrawn
from benign.engine.measure import measured
from benign.engine.meter import Meter
from benign.engine.original import OriginalAnswers
from benign.engine.place import claimed
from benign.engine.provenance import provenance
from benign.engine.recipe import Guarded, LearnToken, Measure, Method, Recipe, Rewrite, Sculpt, Train, Weigh
from benign.engine.result import Result, load_result
from benign.engine.rewrite import erased
from benign.engine.scales import Scales, joined
from benign.engine.serve import stacked
from benign.engine.track import Tracker
from benign.engine.train import Job, Report, train
from benign.engine.watch import Watch
from benign.engine.weigh import weighed
from benign.engine.world import world
from benign.engine.yields import Yield, delta_of, measured_of
from benign.errors import UserError
from benign.models.change import collected
from benign.models.delta import load_delta, save_delta, written_digest
from benign.models.load import Model, load
from benign.models.measured import Measured
from benign.models.save import save
from benign.models.shard import together
from benign.parts.edits import Edited
from benign.parts.targets import Context


def unlearn(
    model: Model | str | Path,
    data: Data,
    *,
    method: Method,
    out: str | Path,
    seed: int = 0,
    name: str = "",
    cache: str | Path | None = None,
    track: str | Tracker | None = None,
    watch: Watch | None = None,
    progress: Report | None = None,
) -> Result:
    """Make a model forget, and write the result into a folder.

    A killed run goes on where it stopped when it is called again with the same arguments, and ends with the same
    bytes; a finished one is returned as it is. Started in several processes (``accelerate launch``), they share the
    work of each step, and the first one writes (docs/scale.md).

    Args:
        model: A loaded model, or what :func:`benign.load` takes.
        data: The records; ``benign.read`` makes them from files.
        method: A dataclass of ``benign.methods`` (or anything with a ``recipe()``).
        out: The run's folder.
        seed: Seeds the draws, the adapter's initial values and the dropout.
        name: What the result is called in scoreboards; the method's own name if empty.
        cache: A folder where finished training stages are shared between runs (a sweep over k trains once).
        track: Where to show the steps' numbers: ``tensorboard``, ``mlflow`` or ``wandb``, with ``:where`` if wanted, or
            a tracker of one's own. It gets no word of the records (docs/experiments.md).
        watch: What to look at while the last stage trains: its best state is the result, and it may stop early.
        progress: Called as (what, done, total) while work goes on.

    Raises:
        UserError: The folder holds another run or is in use; records are missing; the loss is not finite; ...
    """
    recipe = recipe_of(method)
    loaded = load(model) if isinstance(model, (str, Path)) else model
    _refuse_shared(recipe, loaded)
    folder = Path(out)
    with claimed(folder):
        key = canonical.digest(recipe, seed, data.digest, loaded.digest, benign.__version__, *_seen_by(watch, recipe))
        named = method.method if isinstance(method, Composed) else method
        called = name or type(named).__module__.rpartition(".")[2]
        here = world()
        told = track if here.main else None
        with followed(told, described(recipe, called, key, seed, folder)) as follower:
            if here.agreed(finished(folder, key)):
                if follower:
                    follower.catch_up((folder / "log.jsonl").read_text(encoding="utf-8"))
                return load_result(folder)
            stages = Path(cache) if cache else folder / "stages"
            run = _Run(loaded, data, recipe, folder, seed, stages, progress or _silent, follower, watch)
            try:
                return run.to_result(called, key)
            except UserError:
                if here.main:
                    withdrawn(folder)
                raise


def _seen_by(watch: Watch | None, recipe: Recipe) -> tuple[object, ...]:
    if watch is None:
        return ()
    if not isinstance(recipe.stages[-1], Train):
        raise UserError(
            "the method does not end in training, and only training can be watched",
            where="watch",
            fix="leave the watch out",
        )
    return watch.identity


def _refuse_shared(recipe: Recipe, model: Model) -> None:
    if model.shards and any(isinstance(stage, Guarded) and stage.before for stage in recipe.stages):
        what = "a guard before changed weights cannot be fitted while processes share the layers"
        raise UserError(what, where="guard", fix="leave the guard out, or run in one process")


def _silent(what: str, done: int, total: int) -> None:
    """Nobody watches."""


@dataclass(frozen=True)
class _Run:
    model: Model
    data: Data
    recipe: Recipe
    folder: Path
    seed: int
    stages: Path
    report: Report
    follower: Follower | None = None
    watch: Watch | None = None

    def to_result(self, method: str, key: str) -> Result:
        here = world()
        if here.main:
            write_text(self.folder / "recipe.json", canonical.dumps(self.recipe))
            write_text(self.folder / "run.json", mark(method, key, self.seed, finished=False))
        done: dict[str, Yield] = {}
        for stage in self.recipe.stages:
            match stage:
                case Train():
                    done[stage.name] = self._train(stage, done)
                case Measure() | Weigh():
                    done[stage.name] = self._measure(stage)
                case LearnToken() | Rewrite():
                    done[stage.name] = self._erase(stage, done)
                case Sculpt():
                    done[stage.name] = self._edit(stage, done) if self._edits else Yield(None, 0.0, 0.0)
                case Guarded():
                    done[stage.name] = self._guard(stage, done)
        here.wait()
        if here.main:
            self._write(done, method, key)
        here.wait()
        return load_result(self.folder)

    @property
    def _edits(self) -> bool:
        """Whether this process holds deltas and edits them: of those that share a model, the first one alone."""
        return self.model.shards is None or world().main

    def _write(self, done: Mapping[str, Yield], method: str, key: str) -> None:
        last = done[self.recipe.stages[-1].name]
        if last.delta is not None:
            save_delta(last.delta, self.model, self.folder / "adapter", base=self.model.source)
        if last.guard is not None:
            before = written_digest(self.folder / "adapter") if last.delta is not None else ""
            save_guard(last.guard, self.model, self.folder / "guard", delta=before)
        write_text(self.folder / "log.jsonl", "".join(found.log for found in done.values()))
        facts = {name: found.facts for name, found in done.items() if found.facts}
        weights = {name: found.weights for name, found in done.items() if found.weights}
        if weights:
            write_text(self.folder / "weights.json", joined(weights))
        write_text(self.folder / "facts.json", json.dumps(facts, sort_keys=True, indent=2) + "\n")
        cost = {
            "seconds": sum(y.seconds for y in done.values()),
            "peak_rss_mb": max(y.peak_rss_mb for y in done.values()),
            "guarantee": self.recipe.guarantee,
        }
        write_text(self.folder / "provenance.json", provenance(self.model, self.data, self.folder, cost))
        write_text(self.folder / "run.json", mark(method, key, self.seed, finished=True))
        if self.stages.parent == self.folder:
            shutil.rmtree(self.stages, ignore_errors=True)

    def _edit(self, stage: Sculpt, done: Mapping[str, Yield]) -> Yield:
        inputs = [done[name].measured or delta_of(name, done) for name in stage.inputs]
        with Meter() as meter:
            edited: Edited = stage.edit(*inputs)
        return Yield(edited.delta, meter.seconds, meter.peak_rss_mb, edited.facts)

    def _guard(self, stage: Guarded, done: Mapping[str, Yield]) -> Yield:
        inputs = [done[name].measured or delta_of(name, done) for name in stage.inputs]
        self.report(f"fit {stage.name}", 0, 1)
        delta = delta_of(stage.before, done) if stage.before else None
        with Meter() as meter, stacked(self.model, (delta,) if delta else ()):
            fit = stage.guard.fit(OriginalFitting(self.model, self.data, self.seed, stage.guard), inputs)
        self.report(f"fit {stage.name}", 1, 1)
        guard = Fitted(stage.guard, fit.tensors)
        return Yield(delta, meter.seconds, meter.peak_rss_mb, fit.facts, guard=guard)

    def _erase(self, stage: LearnToken | Rewrite, done: Mapping[str, Yield]) -> Yield:
        yielded = {name: found.measured or found.delta for name, found in done.items()}
        with Meter() as meter:
            edited = erased(self.model, stage, self._context, yielded, self.report)
        return Yield(edited.delta, meter.seconds, meter.peak_rss_mb, edited.facts)

    @cached_property
    def _context(self) -> Context:
        return Context(self.data, self.seed, OriginalAnswers(self.model, self.report))

    def _measure(self, stage: Measure | Weigh) -> Yield:
        # By the first of several processes, unless they share the layers; the others read what it kept.
        with Meter() as meter, nullcontext() if together() else world().first():
            where = self.stages / "statistics"
            if isinstance(stage, Weigh):
                found = weighed(self.model, stage, self.data, where, self.report)
            else:
                found = measured(self.model, stage, self.data, where, self.report)
        return Yield(None, meter.seconds, meter.peak_rss_mb, measured=found)

    def _train(self, stage: Train, done: Mapping[str, Yield]) -> Yield:
        """Train a stage, or take it from the cache; a finished stage is a delta and its ``done.json``."""
        start = load(stage.start) if stage.start else self.model
        watch = self.watch if stage == self.recipe.stages[-1] else None
        seen_by = watch.identity if watch else ()
        asked = [one for one in self.recipe.stages if one.name == stage.curvature]
        key = canonical.digest(stage, self.seed, self.data.digest, start.digest, benign.__version__, *asked, *seen_by)
        curvature = measured_of(stage.curvature, done) if stage.curvature else None
        with claimed(self.stages / key[:24], wait=True) as folder:
            mark = folder / "done.json"
            if not world().agreed(mark.exists()):
                self._train_anew(stage, start, key, folder, watch, curvature)
                world().wait()
            cost = json.loads(mark.read_text(encoding="utf-8"))
            delta = load_delta(folder / "delta", self.model) if self._edits and not stage.start else None
            log = (folder / "log.jsonl").read_text(encoding="utf-8")
            if self.follower:
                self.follower.catch_up(log)
            weighed = folder / "weights.json"
            weights = weighed.read_text(encoding="utf-8") if weighed.exists() else ""
            return Yield(delta, cost["seconds"], cost["peak_rss_mb"], log=log, weights=weights)

    def _train_anew(
        self, stage: Train, start: Model, key: str, folder: Path, watch: Watch | None, curvature: Measured | None
    ) -> None:
        log = Log(folder / "log.jsonl", self.follower.step if self.follower else None)
        if self.follower and log.path.exists():
            self.follower.catch_up(log.path.read_text(encoding="utf-8"))
        with Meter() as meter:
            scales = Scales(start, stage, self._context, self.stages / "statistics", self.report)
            steps = drawn(stage, self._context, scales)
            job = Job(
                start,
                stage,
                steps,
                self.seed,
                key,
                folder / "work",
                log,
                self.report,
                data=self.data,
                watch=watch,
                statistics=self.stages / "statistics",
                curvature=curvature,
            )
            delta, seconds = train(job)
        here = world()
        if stage.start and (here.main or start.shards):
            save(start, self.folder / "model", delta=delta)
        delta = delta if stage.start else collected(delta, keep=here.main)
        if not here.main:
            return
        if not stage.start:
            save_delta(delta, self.model, folder / "delta", base=self.model.source)
        if scales.found:
            write_text(folder / "weights.json", scales.text())
        cost = {"seconds": max(seconds, meter.seconds), "peak_rss_mb": meter.peak_rss_mb}
        write_text(folder / "done.json", json.dumps(cost, sort_keys=True))
        shutil.rmtree(folder / "work", ignore_errors=True)
