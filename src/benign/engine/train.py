"""The training loop: draw, forward once, answer rows to objectives, gradients to the update, clip, step."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from benign.data.answers import Answers
from benign.engine import checkpoint
from benign.engine.attach import Trainable, attached
from benign.engine.draw import Drawn, derived_seed
from benign.engine.forward import batch_of, within
from benign.engine.log import Log
from benign.engine.recipe import Optim, Term, Train
from benign.engine.reference import Reference, reference_for
from benign.errors import UserError
from benign.models.change import Delta
from benign.models.encode import Encoder
from benign.models.forward import answer_rows
from benign.models.load import Model

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


def train(job: Job) -> tuple[Delta, float]:
    """Run the stage (from its checkpoint, if there is one) and return the learned delta and the seconds it took.

    Raises:
        UserError: The loss or the gradient is not finite; the last good checkpoint stays.
    """
    with attached(
        job.model, job.stage.locus, seed=derived_seed(job.seed, job.stage.name), scratch=job.folder
    ) as moving:
        seconds = _loop(job, moving)
        return moving.delta(), seconds


def _loop(job: Job, moving: Trainable) -> float:
    optim, total = job.stage.optim, len(job.steps)
    optimizer = torch.optim.AdamW(moving.parameters.values(), lr=optim.lr, weight_decay=optim.weight_decay)
    resumed = checkpoint.read(job.folder, job.key, moving.parameters, optimizer)
    first, spent = (resumed.step, resumed.seconds) if resumed else (0, 0.0)
    job.log.rewind(job.stage.name, first)
    rows = _Rows(job.model, reference_for(job.model, job.stage, job.steps, moving, job.folder))
    start = saved = time.monotonic()
    for step in range(first, total):
        torch.manual_seed(derived_seed(job.seed, job.stage.name, step))
        optimizer.param_groups[0]["lr"] = learning_rate(optim, step, total)
        losses = _gradients(job.stage, job.steps[step], rows, moving)
        norm = float(torch.nn.utils.clip_grad_norm_(moving.parameters.values(), optim.clip))
        if not all(map(math.isfinite, (*losses.values(), norm))):
            now = checkpoint.Progress(step, spent + time.monotonic() - start)
            checkpoint.write(job.folder, job.key, now, moving.parameters, optimizer)
            raise _not_finite(job.stage, step, losses)
        optimizer.step()
        job.log.step(job.stage.name, step, {**losses, "gradient_norm": norm})
        job.report(f"train {job.stage.name}", step + 1, total)
        if time.monotonic() - saved > job.save_every_seconds:
            saved = time.monotonic()
            checkpoint.write(
                job.folder, job.key, checkpoint.Progress(step + 1, spent + saved - start), moving.parameters, optimizer
            )
    return spent + time.monotonic() - start


def learning_rate(optim: Optim, step: int, total: int) -> float:
    """The learning rate of a step: a linear rise over the warm-up, then the schedule down to zero."""
    rise = optim.warmup * total
    if step < rise:
        return optim.lr * (step + 1) / max(1.0, rise)
    done = (step - rise) / max(1.0, total - rise)
    factor = {"constant": 1.0, "linear": 1 - done, "cosine": 0.5 * (1 + math.cos(math.pi * done))}[optim.schedule]
    return optim.lr * factor


def _not_finite(stage: Train, step: int, losses: Mapping[str, float]) -> UserError:
    named = ", ".join(f"{name}={value:.4g}" for name, value in losses.items())
    return UserError(
        f"the loss or its gradient is not finite at step {step} ({named}); the last good state is kept",
        where=f"stage {stage.name}",
        fix="lower the learning rate, or train in float32 or bfloat16",
    )


def _gradients(stage: Train, drawn: Sequence[Sequence[Drawn]], rows: _Rows, moving: Trainable) -> dict[str, float]:
    """Fill the parameters' ``.grad`` with the update's gradient and return each term's loss."""
    parameters = list(moving.parameters.values())
    totals: dict[str, list[Tensor]] = {}
    losses = {term.name: 0.0 for term in stage.terms}
    for parameter in parameters:
        parameter.grad = None
    for chunk in _chunks(drawn, stage.optim.micro_batch):
        found = _losses(stage.terms, chunk, drawn, rows)
        for name, loss in found.items():
            losses[name] += float(loss.detach())
        weighted = {t.name: t.weight * found[t.name] for t in stage.terms if t.name in found}
        if not stage.update.separate:
            torch.stack(list(weighted.values())).sum().backward()
            continue
        for name, loss in weighted.items():
            grads = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
            filled = [torch.zeros_like(p) if g is None else g for p, g in zip(parameters, grads, strict=True)]
            known = totals.get(name)
            totals[name] = filled if known is None else [a + b for a, b in zip(known, filled, strict=True)]
    if stage.update.separate:
        joined = stage.update({name: tuple(gradient) for name, gradient in totals.items()})
        for parameter, gradient in zip(parameters, joined, strict=True):
            parameter.grad = gradient
    return losses


def _chunks(drawn: Sequence[Sequence[Drawn]], most: int | None) -> list[list[list[Drawn]]]:
    """The step's records cut into forward passes of at most ``most`` records; each keeps the terms apart."""
    flat = [(place, item) for place, items in enumerate(drawn) for item in items]
    size = most or len(flat)
    cut = [flat[i : i + size] for i in range(0, len(flat), size)]
    return [[[item for place, item in part if place == term] for term in range(len(drawn))] for part in cut]


def _losses(
    terms: Sequence[Term], chunk: Sequence[Sequence[Drawn]], whole: Sequence[Sequence[Drawn]], rows: _Rows
) -> dict[str, Tensor]:
    """Each present term's loss over one forward pass, weighted by its share of the term's whole step."""
    answers = rows.of(chunk, [term.objective.needs_reference for term in terms])
    found = {}
    for place, term in enumerate(terms):
        if chunk[place]:
            per_rows = term.objective.mean_over == "rows" and len(chunk[place]) < len(whole[place])
            share = rows.share(chunk[place], whole[place]) if per_rows else len(chunk[place]) / len(whole[place])
            found[term.name] = term.objective(answers[place]) * share
    return found


class _Rows:
    """Answer rows of drawn records: one forward pass for all terms, cut into terms afterwards."""

    def __init__(self, model: Model, reference: Reference) -> None:
        self._model = model
        self._encoder = Encoder(model.processor, model.family)
        self._reference = reference

    def of(self, terms: Sequence[Sequence[Drawn]], needs_reference: Sequence[bool]) -> list[Answers]:
        self._model.module.train()
        answers = answer_rows(
            self._model, batch_of(self._encoder, self._model, [item for items in terms for item in items])
        )
        ends = [sum(map(len, terms[: i + 1])) for i in range(len(terms))]
        cut = [within(answers, end - len(items), end) for end, items in zip(ends, terms, strict=True)]
        return [
            replace(part, reference=self._reference(items)) if needed and items else part
            for part, items, needed in zip(cut, terms, needs_reference, strict=True)
        ]

    def share(self, part: Sequence[Drawn], whole: Sequence[Drawn]) -> float:
        """The part's share of the answer tokens of the whole."""
        return self._tokens(part) / self._tokens(whole)

    def _tokens(self, items: Sequence[Drawn]) -> int:
        return int((batch_of(self._encoder, self._model, items).labels != -100).sum())
