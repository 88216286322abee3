"""Benign, the default: the composition to which the study in benches/experiments/compose found nothing to add.

Refusal on the forget set, on jittered views of its pictures; everything else is held where the original has it, not by
labels but by its whole distribution: on the few retained records, on what is visible in the forget set's own pictures,
on strangers, and on look-alikes, which are the forget set's pictures blended with strangers'. Its parts are of SMFA
(arXiv 2511.20196: refusals, the few retained records), of self-distillation on the original's own answers, and of KL
minimisation's term to keep (arXiv 2401.06121).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from benign.engine.recipe import Optim, Recipe, Sculpt, Term, Train
from benign.methods import _terms
from benign.parts.edits.task_arithmetic import TaskArithmetic
from benign.parts.loci import Locus
from benign.parts.loci.lora import Lora
from benign.parts.objectives.kl import KLToReference
from benign.parts.targets.look_alikes import LookAlikes
from benign.parts.updates import Update
from benign.parts.updates.weighted_sum import WeightedSum


@dataclass(frozen=True)
class Benign:
    """One training stage. It needs a few retained records; terms on pictures and strangers are left out where there are
    none."""

    refusals: tuple[str, ...] = ()
    """Pool of refusals; empty means the default pool."""
    forget_batch: int = 2
    """Forget records per step."""
    retain_batch: int = 2
    """Retained records per step; 0 leaves them out, here as below."""
    self_batch: int = 1
    """Understanding questions about forget pictures per step."""
    strangers_batch: int = 3
    """Questions about strangers per step."""
    look_alikes_batch: int = 2
    """Questions about look-alikes per step."""
    look_alikes: LookAlikes = LookAlikes()
    """How they are made."""
    keep_weight: float = 1.3
    """Weight of each of the terms that keep."""
    stretch: float = 1.0
    """The trained change is taken so many times: a little more than was trained takes along what was on the brink."""
    jitter: int = 15
    """Jittered variants of each picture that take turns with it, of whatever side."""
    optim: Optim = Optim(lr=1e-4, epochs=5.0)
    """How long and how fast."""
    locus: Locus = Lora()
    """Which weights may move."""
    update: Update = WeightedSum()
    """How the terms' gradients become one step."""

    def recipe(self) -> Recipe:
        """Refuse, and keep the original's distribution everywhere else; then stretch what was learned."""
        few = _terms.retain(self.retain_batch, self.keep_weight, KLToReference())
        seen = _terms.self_answers(self.self_batch, self.strangers_batch, self.keep_weight)
        held = (few, *(replace(term, optional=True) for term in (*seen, self._like())))
        refused = _terms.refuse(self.refusals, self.forget_batch)
        terms = tuple(replace(term, jitter=self.jitter) for term in (refused, *held) if term.batch)
        train = Train("benign", terms, self.optim, self.locus, self.update)
        if self.stretch == 1.0:
            return Recipe((train,))
        return Recipe((train, Sculpt("stretched", TaskArithmetic((self.stretch,)), (train.name,))))

    def _like(self) -> Term:
        batch, weight = self.look_alikes_batch, self.keep_weight
        return Term("look_alikes", KLToReference(), "forget", self.look_alikes, ("memory",), weight, batch)
