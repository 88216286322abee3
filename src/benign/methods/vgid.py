"""VGID (Chen et al. 2026, arXiv 2606.00105): distil what the original model says to noise for a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benign.engine.recipe import Intervention, Optim, Recipe, Term, Train
from benign.methods import _terms
from benign.parts.loci import Locus
from benign.parts.loci.lora import Lora
from benign.parts.objectives.kl import KLToReference
from benign.parts.updates import Update
from benign.parts.updates.weighted_sum import WeightedSum


@dataclass(frozen=True)
class VGID:
    """Divergence from the original model that is shown noise and asked to know nothing, on the forget questions; from
    the original as it is, on the retained ones.

    Read were the paper's abstract and the official code (github.com/JackChen-seu/VGID at 4275edc), not the paper's
    equations and its in-context prompt. The code averages over prompt and padding, steps on forget and retain in turn
    (here ``update=Alternating()``) and draws new noise at every step; here only answers count, and a picture has one
    noise. A teacher needs pictures or a preface to differ by: a text model gets the preface alone.
    """

    noise: float = 1.0
    """Share of noise in the pictures that the teacher is shown (official code: noise alone)."""
    preface: str = "Answer as if you knew nothing about this."
    """What the teacher is told before each forget question; the paper's own prompt was not to be had."""
    preset: Literal["paper", "code"] = "paper"
    """``code`` says nothing to the teacher: the published prompt is empty."""
    forget_weight: float = 1.0
    """Weight of the forget term, the paper's alpha (official code: 1)."""
    retain_weight: float = 1.0
    """Weight of the retain term, the paper's beta (official code: 1)."""
    forget_batch: int = 4
    """Forget records per step (official code: 4)."""
    retain_batch: int = 4
    """Retained records per step (official code: 4)."""
    optim: Optim = Optim(lr=5e-4, epochs=5.0)
    """How long and how fast (official code: 5e-4, 5 passes)."""
    locus: Locus = Lora()
    """Which weights may move (official code: rank 16, alpha 16)."""
    update: Update = WeightedSum()
    """How the terms' gradients become one step."""

    def recipe(self) -> Recipe:
        """One training stage."""
        teacher = Intervention(self.noise, self.preface if self.preset == "paper" else "")
        forget = Term(
            "forget",
            KLToReference(),
            "forget",
            kinds=("memory",),
            weight=self.forget_weight,
            batch=self.forget_batch,
            teacher=teacher,
        )
        terms = (forget, _terms.retain(self.retain_batch, self.retain_weight, KLToReference()))
        return Recipe((Train("vgid", terms, self.optim, self.locus, self.update),))
