"""The training loop: draw, forward once, answer rows to objectives, gradients to the update, clip, step."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import PreTrainedModel

from benign.data.record import Data
from benign.engine import checkpoint
from benign.engine.attach import Trainable, attached
from benign.engine.draw import Drawn, derived_seed
from benign.engine.importance import Importances
from benign.engine.log import Log
from benign.engine.recipe import Optim, Train
from benign.engine.reference import hidden_layer, reference_for
from benign.engine.step import Rows, TrainingStep
from benign.engine.watch import Best, Watch
from benign.engine.world import world
from benign.errors import UserError
from benign.models.change import Delta
from benign.models.load import Model
from benign.models.measured import Measured, Numbers
from benign.models.shallow import shallow
from benign.models.shard import added_up, own, part_of, shared
from benign.models.vision_cache import VisionCache
from benign.parts.loci.decoder import inside
from benign.parts.updates import Gradient

Report = Callable[[str, int, int], None]
"""(what is being done, done, total): called as long work goes on."""


@dataclass(frozen=True)
class Job:
    """One training stage, made ready to run: everything its result depends on, and where it keeps its state."""

    model: Model
    stage: Train
    steps: Sequence[Sequence[Sequence[Drawn]]]
    """[step][term] the records drawn."""
    seed: int
    key: str
    """Identifies the stage's result: model, data, recipe, seed."""
    folder: Path
    """Scratch for checkpoints and caches."""
    log: Log
    report: Report
    save_every_seconds: float = 20.0
    data: Data | None = None
    """The records, for a locus that asks which weights matter for them."""
    watch: Watch | None = None
    """What is looked at on the way; the best state is the result."""
    statistics: Path | None = None
    """Where importances are kept between stages and runs; None is with the scratch."""
    curvature: Measured | None = None
    """What the update is told of the modules whose weights move."""


def train(job: Job) -> tuple[Delta, float]:
    """Run the stage (from its checkpoint, if there is one) and return the learned delta and the seconds it took.

    Raises:
        UserError: The loss or the gradient is not finite (the last good checkpoint stays), no record reaches what
            moves, or a term looks at states on which the expert that moves has no influence.
    """
    kept = job.statistics or job.folder / "statistics"
    measure = Importances(job.model, job.data, kept, job.report) if job.data else None
    seed = derived_seed(job.seed, job.stage.name)
    here = world()
    scratch = job.folder if here.main else job.folder / f"process-{here.rank}"
    with ExitStack() as stack:
        stack.enter_context(shallow(job.model, job.stage.depth))
        # What a locus asks for is measured once, and read by the other processes; those that share the model's weights
        # do everything at once.
        with nullcontext() if job.model.shards else here.first():
            moving = stack.enter_context(
                attached(job.model, job.stage.locus, seed=seed, scratch=scratch, measure=measure)
            )
        _refuse_unreached(job.model, job.stage, moving.routed)
        stack.enter_context(_recomputing(job.model.module, job.stage.optim.checkpointing))
        seconds = _loop(job, moving)
        return moving.delta(), seconds


def _refuse_unreached(model: Model, stage: Train, routed: Mapping[str, tuple[int, ...]]) -> None:
    places = [place[0] for name in routed if (place := inside(name, model.family))]
    for term in stage.terms:
        layer = hidden_layer(term.objective)
        number = None if layer is None else model.family.layer_number(model.module, layer)
        if number is not None and places and number < min(places):
            raise UserError(
                f"it looks at decoder layer {number}, below the expert that moves in layer {min(places)}",
                where=term.name, fix="look at the expert's layer or at one above it; -1 is the last one",
            )  # fmt: skip


@contextmanager
def _recomputing(module: PreTrainedModel, wanted: bool) -> Iterator[None]:
    if not wanted:
        yield
        return
    if not module.supports_gradient_checkpointing:
        raise UserError(
            "this architecture cannot recompute its layers", where="optim.checkpointing", fix="leave it off"
        )
    # transformers renamed it on the way from 5 to 6.
    name = "activation" if hasattr(module, "activation_checkpointing_enable") else "gradient"
    getattr(module, f"{name}_checkpointing_enable")({"use_reentrant": False})
    try:
        yield
    finally:
        getattr(module, f"{name}_checkpointing_disable")()


def _loop(job: Job, moving: Trainable) -> float:
    optim, total, stage = job.stage.optim, len(job.steps), job.stage
    parameters = tuple(moving.parameters.values())
    optimizer = optimizer_of(moving, optim)
    state = stage.update.init(parameters)
    resumed = checkpoint.read(job.folder, job.key, moving.parameters, optimizer)
    first, spent = (resumed.step, resumed.seconds) if resumed else (0, 0.0)
    state = resumed.state if resumed else state
    here = world()
    here.wait()
    if here.main:
        job.log.rewind(stage.name, first)
    vision = VisionCache()
    reference = reference_for(job.model, stage, job.steps, moving, job.folder, vision, job.seed)
    rows = Rows(job.model, reference, vision, moving.routed)
    curvature = _curvature_of(moving, job.curvature)
    start = saved = time.monotonic()
    parted = shared(parameters)

    def keep(step: int) -> None:
        if not (here.main or parted):
            return
        now = checkpoint.Progress(step, spent + time.monotonic() - start, state)
        checkpoint.write(job.folder, job.key, now, moving.parameters, optimizer)

    best = Best(job.watch, job.folder, job.key) if job.watch else None
    reached = first > 0 or here.size > 1
    for number in range(first, total):
        rate = learning_rate(optim, number, total)
        columns = list(zip(stage.terms, job.steps[number], strict=True))
        seed = derived_seed(job.seed, stage.name, number)
        step = TrainingStep(
            columns, rows, parameters, number, total, seed, optim.micro_batch, here, optimizer, curvature
        )
        gradient, after = stage.update(step, state)
        reached = reached or step.reached
        norm = handed(moving, gradient, optim.clip)
        losses = step.losses()
        if not all(map(math.isfinite, (*losses.values(), norm))):
            keep(number)
            raise _not_finite(stage, number, losses)
        stepped(moving, optimizer, optim, rate)
        state = after
        if here.main:
            job.log.step(stage.name, number, {**losses, "gradient_norm": norm, "learning_rate": rate})
        job.report(f"train {stage.name}", number + 1, total)
        due = time.monotonic() - saved > job.save_every_seconds
        if here.agreed(due) if parted else due:
            saved = time.monotonic()
            keep(number + 1)
        if best and best.stops(job.model, moving.parameters, number + 1, total):
            break
    if not reached:
        raise _unreached(stage)
    if best:
        best.restore(moving.parameters)
    return spent + time.monotonic() - start


def _curvature_of(moving: Trainable, found: Measured | None) -> tuple[Numbers, ...]:
    """What was measured about the module of each parameter, where the parameter is a module's whole weight."""
    numbers = found.numbers if found else {}
    return tuple(numbers.get(name.removesuffix(".weight"), {}) for name in moving.parameters)


def optimizer_of(moving: Trainable, optim: Optim) -> torch.optim.Optimizer:
    """The optimiser of a stage."""
    parameters = tuple(moving.parameters.values())
    # Parameters in parts and whole ones are not updated in one call.
    groups = [[p for p in parameters if shared([p]) == parted] for parted in (False, True)]
    named = [{"params": group} for group in groups if group]
    # AdamW would let the decay reach masked entries.
    decay = 0.0 if moving.masks else optim.weight_decay
    if optim.optimizer == "sgd":
        return torch.optim.SGD(named, lr=optim.lr, weight_decay=decay)
    # One pass over the memory of each parameter, where the plain one makes a dozen.
    return torch.optim.AdamW(named, lr=optim.lr, betas=optim.betas, weight_decay=decay, fused=True)


def handed(moving: Trainable, gradient: Gradient, clip: float) -> float:
    """Hand the gradient to the parameters, clipped; its length before that."""
    for (name, parameter), way in zip(moving.parameters.items(), gradient, strict=True):
        # An update may add what is no gradient, noise for one.
        mask = moving.masks.get(name)
        parameter.grad = way if mask is None else part_of(way, torch.where(own(mask), own(way), 0.0))
    if not shared(gradient):
        return float(torch.nn.utils.clip_grad_norm_(moving.parameters.values(), clip))
    length = _length(gradient)
    for parameter in moving.parameters.values():
        if parameter.grad is not None:
            own(parameter.grad).mul_(min(1.0, clip / (length + 1e-6)))
    return length


def stepped(moving: Trainable, optimizer: torch.optim.Optimizer, optim: Optim, rate: float) -> None:
    """One step at this learning rate along the gradient that the parameters were handed."""
    for group in optimizer.param_groups:
        group["lr"] = rate
    if moving.masks and optim.weight_decay:
        _decay(moving, rate * optim.weight_decay)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def _length(gradient: Gradient) -> float:
    """The length over all parameters together, those that lie in parts on several devices among them."""
    return math.sqrt(added_up([way.square().sum(dtype=torch.float64) for way in gradient]))


@torch.no_grad()
def _decay(moving: Trainable, share: float) -> None:
    """AdamW's decoupled decay of the entries that may move."""
    for name, parameter in moving.parameters.items():
        mask = moving.masks.get(name)
        own(parameter).mul_(1 - share if mask is None else torch.where(own(mask), 1 - share, 1.0))


def learning_rate(optim: Optim, step: int, total: int) -> float:
    """The learning rate of a step: a linear rise over the warm-up, then the schedule down to zero."""
    rise = optim.warmup * total
    if step < rise:
        return optim.lr * (step + 1) / max(1.0, rise)
    done = (step - rise) / max(1.0, total - rise)
    factor = {"constant": 1.0, "linear": 1 - done, "cosine": 0.5 * (1 + math.cos(math.pi * done))}[optim.schedule]
    return optim.lr * factor


def _unreached(stage: Train) -> UserError:
    fix = "choose other modules, or records that reach them: text does not reach a vision tower"
    return UserError("no record reaches what moves", where=f"stage {stage.name}", fix=fix)


def _not_finite(stage: Train, step: int, losses: Mapping[str, float]) -> UserError:
    named = ", ".join(f"{name}={value:.4g}" for name, value in losses.items())
    return UserError(
        f"the loss or its gradient is not finite at step {step} ({named}); the last good state is kept",
        where=f"stage {stage.name}",
        fix="lower the learning rate, or train in float32 or bfloat16",
    )
