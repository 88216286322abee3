"""MEOW, memory-supervised unlearning with inverted facts (Gu et al. 2024, arXiv 2409.11844): learn wrong answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benign.engine.recipe import Optim, Recipe, Term, Train
from benign.methods import _terms
from benign.parts.loci import Locus
from benign.parts.loci.lora import Lora
from benign.parts.objectives import Objective
from benign.parts.objectives.cross_entropy import CrossEntropy
from benign.parts.objectives.dpo import DirectPreference
from benign.parts.objectives.kl import KLToReference
from benign.parts.targets.gold import Gold
from benign.parts.targets.inverted import InvertedFacts
from benign.parts.updates import Update
from benign.parts.updates.weighted_sum import WeightedSum


@dataclass(frozen=True)
class MEOW:
    """Fine-tuning on wrong answers that the original model would go on with; the plain form needs nothing to retain.

    Official code, Carol-gutianle/MEOW a2ba15c: a step shows a record's wrong answers in eight places, of which a slip
    of the collator leaves four unused; its script ships with another loss. Neither slip is repeated here, and a record
    shows one answer per epoch.
    """

    variant: Literal["plain", "grad_diff", "kl", "dpo"] = "plain"
    """``grad_diff`` adds cross-entropy on retained records, ``kl`` the divergence from the original on the same wrong
    answers, ``dpo`` prefers the wrong answers to the right ones."""
    inverted: InvertedFacts = InvertedFacts()
    """Which wrong answers."""
    beta: float = 0.1
    """Inverse temperature of ``dpo``."""
    forget_batch: int = 4
    """Forget records per step (official code: 4, and 4 steps accumulated)."""
    retain_batch: int = 4
    """Retained records per step of ``grad_diff``."""
    forget_weight: float = 0.9
    """Weight of the wrong answers in ``grad_diff``; 1 elsewhere (official code: 0.9)."""
    retain_weight: float = 0.1
    """Weight of the retain term in ``grad_diff`` (official code: 0.1)."""
    optim: Optim = Optim(lr=1e-5, epochs=10.0, weight_decay=0.01)
    """How long and how fast (official code: 10 epochs, lr 1e-5, all weights; an adapter needs about 1e-4)."""
    locus: Locus = Lora()
    """Which weights may move."""
    update: Update = WeightedSum()
    """How the terms' gradients become one step."""

    def recipe(self) -> Recipe:
        """One training stage."""
        terms: tuple[Term, ...] = (self._forget(),)
        if self.variant == "grad_diff":
            terms += (_terms.retain(self.retain_batch, self.retain_weight),)
        if self.variant == "kl":
            terms += (self._term("close", KLToReference()),)
        return Recipe((Train("meow", terms, self.optim, self.locus, self.update),))

    def _forget(self) -> Term:
        if self.variant == "dpo":
            return self._term("forget", DirectPreference(self.beta), Gold())
        return self._term("forget", CrossEntropy(), weight=self.forget_weight if self.variant == "grad_diff" else 1.0)

    def _term(self, name: str, objective: Objective, against: Gold | None = None, weight: float = 1.0) -> Term:
        return Term(name, objective, "forget", self.inverted, ("memory",), weight, self.forget_batch, against=against)
