"""Run a method on a model: its recipe's stages in order, resumable, into a folder that holds all there is to know."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import benign
from benign.data.atomic import write_text
from benign.data.record import Data, Record
from benign.engine import canonical
from benign.engine.compose import Composed
from benign.engine.draw import drawn
from benign.engine.fitting import OriginalFitting
from benign.engine.follow import Follower, described, followed
from benign.engine.guard import Fitted, save_guard
from benign.engine.log import Log
from benign.engine.measure import measured
from benign.engine.meter import Meter
from benign.engine.place import claimed
from benign.engine.provenance import provenance
from benign.engine.recipe import Guarded, LearnToken, Measure, Method, Recipe, Rewrite, Sculpt, Train, Weigh
from benign.engine.result import Result, load_result
from benign.engine.rewrite import erased
from benign.engine.scales import Scales, joined
from benign.engine.serve import Served
from benign.engine.track import Tracker
from benign.engine.train import Job, Report, train
from benign.engine.watch import Watch
from benign.engine.weigh import weighed
from benign.engine.world import world
from benign.errors import UserError
from benign.models.change import collected
from benign.models.delta import Delta, load_delta, save_delta
from benign.models.load import Model, load
from benign.models.measured import Measured
from benign.models.save import save
from benign.models.shard import together
from benign.parts.edits import Edited
from benign.parts.targets import Context

_LONGEST_SELF_ANSWER = 64


def unlearn(
    model: Model | str,
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
    loaded = load(model) if isinstance(model, str) else model
    recipe = method.recipe()
    folder = Path(out)
    with claimed(folder):
        key = canonical.digest(recipe, seed, data.digest, loaded.digest, benign.__version__, *_seen_by(watch, recipe))
        named = method.method if isinstance(method, Composed) else method
        called = name or type(named).__module__.rpartition(".")[2]
        here = world()
        told = track if here.main else None
        with followed(told, described(recipe, called, key, seed, folder)) as follower:
            if here.agreed(_finished(folder, key)):
                if follower:
                    follower.catch_up((folder / "log.jsonl").read_text(encoding="utf-8"))
                return load_result(folder)
            stages = Path(cache) if cache else folder / "stages"
            run = _Run(loaded, data, recipe, folder, seed, stages, progress or _silent, follower, watch)
            return run.to_result(called, key)


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


def _silent(what: str, done: int, total: int) -> None:
    """Nobody watches."""


def _finished(folder: Path, key: str) -> bool:
    """Whether the folder holds this very run, complete.

    Raises:
        UserError: It holds another run.
    """
    mark = folder / "run.json"
    if not mark.exists():
        return False
    state = json.loads(mark.read_text(encoding="utf-8"))
    if state["key"] != key:
        raise UserError(
            "this folder holds another run (other data, model, method, seed or version)",
            where=str(folder),
            fix="give another --out, or delete it",
        )
    return bool(state["finished"])


@dataclass(frozen=True)
class _Yield:
    """What a stage yielded and what it cost, also when it was trained by an earlier run."""

    delta: Delta | None
    seconds: float
    peak_rss_mb: float
    facts: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    log: str = ""
    measured: Measured | None = None
    guard: Fitted | None = None
    weights: str = ""


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
    answered: dict[str, str] = field(default_factory=dict)
    """What the original model answered so far, by the record's digest."""

    def to_result(self, method: str, key: str) -> Result:
        here = world()
        if here.main:
            write_text(self.folder / "recipe.json", canonical.dumps(self.recipe))
            write_text(self.folder / "run.json", _mark(method, key, self.seed, finished=False))
        done: dict[str, _Yield] = {}
        for stage in self.recipe.stages:
            match stage:
                case Train():
                    done[stage.name] = self._train(stage, done)
                case Measure() | Weigh():
                    done[stage.name] = self._measure(stage)
                case LearnToken() | Rewrite():
                    done[stage.name] = self._erase(stage, done)
                case Sculpt():
                    done[stage.name] = self._edit(stage, done) if self._edits else _Yield(None, 0.0, 0.0)
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

    def _write(self, done: Mapping[str, _Yield], method: str, key: str) -> None:
        last = done[self.recipe.stages[-1].name]
        if last.delta is not None:
            save_delta(last.delta, self.model, self.folder / "adapter", base=self.model.source)
        if last.guard is not None:
            save_guard(last.guard, self.model, self.folder / "guard")
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
        write_text(self.folder / "run.json", _mark(method, key, self.seed, finished=True))
        if self.stages.parent == self.folder:
            shutil.rmtree(self.stages, ignore_errors=True)

    def _edit(self, stage: Sculpt, done: Mapping[str, _Yield]) -> _Yield:
        inputs = [done[name].measured or _delta_of(name, done) for name in stage.inputs]
        with Meter() as meter:
            edited: Edited = stage.edit(*inputs)
        return _Yield(edited.delta, meter.seconds, meter.peak_rss_mb, edited.facts)

    def _guard(self, stage: Guarded, done: Mapping[str, _Yield]) -> _Yield:
        inputs = [done[name].measured or _delta_of(name, done) for name in stage.inputs]
        self.report(f"fit {stage.name}", 0, 1)
        with Meter() as meter:
            fit = stage.guard.fit(OriginalFitting(self.model, self.data, self.seed, stage.guard), inputs)
        self.report(f"fit {stage.name}", 1, 1)
        guard = Fitted(stage.guard, fit.tensors)
        return _Yield(None, meter.seconds, meter.peak_rss_mb, fit.facts, guard=guard)

    def _erase(self, stage: LearnToken | Rewrite, done: Mapping[str, _Yield]) -> _Yield:
        yielded = {name: found.measured or found.delta for name, found in done.items()}
        with Meter() as meter:
            edited = erased(self.model, stage, self._context, yielded, self.report)
        return _Yield(edited.delta, meter.seconds, meter.peak_rss_mb, edited.facts)

    @property
    def _context(self) -> Context:
        return Context(self.data, self.seed, self._original_answers)

    def _measure(self, stage: Measure | Weigh) -> _Yield:
        # By the first of several processes, unless they share the layers; the others read what it kept.
        with Meter() as meter, nullcontext() if together() else world().first():
            where = self.stages / "statistics"
            if isinstance(stage, Weigh):
                found = weighed(self.model, stage, self.data, where, self.report)
            else:
                found = measured(self.model, stage, self.data, where, self.report)
        return _Yield(None, meter.seconds, meter.peak_rss_mb, measured=found)

    def _train(self, stage: Train, done: Mapping[str, _Yield]) -> _Yield:
        """Train a stage, or take it from the cache; a finished stage is a delta and its ``done.json``."""
        start = load(stage.start) if stage.start else self.model
        watch = self.watch if stage == self.recipe.stages[-1] else None
        seen_by = watch.identity if watch else ()
        asked = [one for one in self.recipe.stages if one.name == stage.curvature]
        key = canonical.digest(stage, self.seed, self.data.digest, start.digest, benign.__version__, *asked, *seen_by)
        curvature = _measured_of(stage.curvature, done) if stage.curvature else None
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
            return _Yield(delta, cost["seconds"], cost["peak_rss_mb"], log=log, weights=weights)

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

    def _original_answers(self, records: Sequence[Record]) -> list[str]:
        """The original's greedy answers, each distinct question asked once in a run."""
        missing = list({r.digest: r for r in records if r.digest not in self.answered}.values())
        done = 0

        def progress(count: int) -> None:
            nonlocal done
            done += count
            self.report("ask the original model", done, len(missing))

        if missing:
            here, served = world(), Served(self.model)
            # Processes that share the layers answer together, each question as often as there are processes.
            own = missing if together() else here.share(missing)
            texts = served.generate(own, max_new_tokens=_LONGEST_SELF_ANSWER, progress=progress)
            said = texts if together() else [text for part in here.gathered(texts) for text in part]
            self.answered.update({record.digest: text for record, text in zip(missing, said, strict=True)})
        return [self.answered[record.digest] for record in records]


def _delta_of(name: str, done: Mapping[str, _Yield]) -> Delta:
    found = done[name].delta
    if found is None:
        raise UserError(f"stage {name!r} yields no delta, and an edit cannot take anything else", where="recipe")
    return found


def _measured_of(name: str, done: Mapping[str, _Yield]) -> Measured:
    found = done[name].measured if name in done else None
    if found is None:
        raise UserError(f"no earlier stage {name!r} measures a curvature", where="recipe")
    return found


def _mark(method: str, key: str, seed: int, *, finished: bool) -> str:
    return json.dumps({"method": method, "key": key, "seed": seed, "finished": finished}, sort_keys=True) + "\n"
