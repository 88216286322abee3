"""Model Tailor (Zhu et al. 2024, arXiv 2402.12048) as an unlearning baseline, as in S-MLLMUn (arXiv 2511.20196)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benign.engine.recipe import Measure, Optim, Recipe, Sculpt, Term, Train
from benign.methods import _terms
from benign.parts.edits.model_patch import ModelPatch
from benign.parts.loci import Locus
from benign.parts.loci.lora import Lora
from benign.parts.statistics.second_moment import SecondMoment
from benign.parts.updates import Update
from benign.parts.updates.weighted_sum import WeightedSum


@dataclass(frozen=True)
class ModelTailor:
    """Refusal tuning of which only a sparse patch stays: the entries that changed much and matter much to the outputs,
    moved so that they make up for the others.

    The benchmark names the baseline, not how it is set up: what is tailored here is SMFA's own forgetting change, on
    what the modules read when the original model sees the forget set and the retained records. The official code
    tailors layers 20 to 31 of 32 and leaves the other ones as trained; here all that moved is tailored.
    """

    share: float = 0.1
    """Share of the change's entries that stay (paper: at most 0.1)."""
    salience: float = 0.5
    """Weight of how much an entry changed; the rest is how much it matters (official code: 0.5)."""
    preset: Literal["paper", "code"] = "paper"
    """``code`` compensates with the official code's sign, which is the wrong way round."""
    refusals: tuple[str, ...] = ()
    """Pool of refusals; empty means the default pool."""
    forget_batch: int = 2
    """Forget records per step."""
    retain_batch: int = 2
    """Retained records per step."""
    retain_weight: float = 1.0
    """Weight of the retain term."""
    optim: Optim = Optim(lr=1e-4, epochs=5.0)
    """How long and how fast."""
    locus: Locus = Lora()
    """Which weights may move."""
    update: Update = WeightedSum()
    """How the terms' gradients become one step."""

    def recipe(self) -> Recipe:
        """One training stage, two statistics and the edit."""
        terms: tuple[Term, ...] = (
            _terms.refuse(self.refusals, self.forget_batch),
            _terms.retain(self.retain_batch, self.retain_weight),
        )
        read = SecondMoment()
        stages = (
            Train("mfa", terms, self.optim, self.locus, self.update),
            Measure("forget_inputs", read, "forget"),
            Measure("keep_inputs", read, "keep", ("memory", "understanding", "general")),
        )
        compensation: Literal["surgeon", "reversed"] = "surgeon" if self.preset == "paper" else "reversed"
        patch = ModelPatch(self.share, self.salience, compensation)
        return Recipe((*stages, Sculpt("model_tailor", patch, tuple(stage.name for stage in stages))))
