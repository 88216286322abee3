"""SEUF (first called UOE; Zhuang et al. 2025, arXiv 2411.18797): in a mixture of experts, one expert forgets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from benign.engine.recipe import Optim, Recipe, Term, Train
from benign.methods import _terms
from benign.parts.loci import Locus
from benign.parts.loci.one_expert import OneExpert
from benign.parts.objectives import Objective
from benign.parts.objectives.grad_ascent import GradientAscent
from benign.parts.objectives.hidden_mse import HiddenMSE
from benign.parts.objectives.npo import NegativePreference
from benign.parts.objectives.rmu import Misdirection
from benign.parts.objectives.router_anchor import RouterAnchor
from benign.parts.updates import Update
from benign.parts.updates.weighted_sum import WeightedSum


@dataclass(frozen=True)
class SEUF:
    """Gradient ascent, NPO or RMU on the one expert that the forget set uses most and on its router, which an anchor
    keeps from sending the forget set elsewhere.

    ``preset="code"`` follows the official code: its anchor is a mean over experts, and ascent has no retain term. The
    code comes without the attribution: the expert is a number in it (``locus.layer``, ``locus.expert``).
    """

    objective: Literal["grad_ascent", "npo", "rmu"] = "npo"
    """What forgets: any of the three (the paper has all)."""
    preset: Literal["paper", "code"] = "paper"
    """How the anchor is scaled, and whether ascent keeps anything; see above."""
    anchor_weight: float = 1.0
    """Weight of the router anchor (paper: 1; nothing changes from 0 to 1000); 0 leaves it out."""
    beta: float = 0.001
    """Inverse temperature of ``npo`` (paper: 0.001)."""
    layer: int | float = -1
    """The decoder layer that ``rmu`` steers and keeps, not below the expert's."""
    coefficient: float = 8000.0
    """Length of the steering goal of ``rmu`` (paper: 8000 for Qwen1.5-MoE, 32000 for DeepSeek-V2-Lite)."""
    forget_batch: int = 16
    """Forget records per step (paper: 16)."""
    retain_batch: int = 16
    """Retained records per step."""
    retain_weight: float = 1.0
    """Weight of the retain term (paper: 1)."""
    optim: Optim = Optim(lr=1e-4, epochs=5.0, schedule="constant", micro_batch=4)
    """How long and how fast (paper: 1e-4; official code: 2e-4, constant)."""
    locus: Locus = OneExpert()
    """Which weights may move; without the anchor, any."""
    update: Update = WeightedSum()
    """How the terms' gradients become one step."""

    def recipe(self) -> Recipe:
        """One training stage."""
        losses: dict[str, Objective] = {
            "grad_ascent": GradientAscent(), "npo": NegativePreference(self.beta),
            "rmu": Misdirection(self.layer, self.coefficient),
        }  # fmt: skip
        forget = _terms.forget(losses[self.objective], self.forget_batch)
        terms: tuple[Term, ...] = (forget,)
        code = self.preset == "code"
        if self.retain_weight and not (code and self.objective == "grad_ascent"):
            keep = HiddenMSE(self.layer) if self.objective == "rmu" else None
            terms += (_terms.retain(self.retain_batch, self.retain_weight, keep),)
        if self.anchor_weight:
            anchor = RouterAnchor(per_expert=code)
            terms += (replace(forget, name="anchor", objective=anchor, weight=self.anchor_weight),)
        return Recipe((Train("seuf", terms, self.optim, self.locus, self.update),))
