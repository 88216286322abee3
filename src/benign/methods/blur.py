"""BLUR, bi-level unlearning (arXiv 2506.08164), on NPO: forgetting comes first, keeping takes what room that leaves.

Not the benchmark of the same name.
"""

from __future__ import annotations

from dataclasses import dataclass

from benign.engine.recipe import Optim, Recipe, Train
from benign.methods import _terms
from benign.parts.loci import Locus
from benign.parts.loci.lora import Lora
from benign.parts.objectives.npo import NegativePreference
from benign.parts.updates.blur import ForgetFirst


@dataclass(frozen=True)
class BLUR:
    """NPO whose retained records' gradient is projected off the forget gradient, whether or not the two conflict.

    The official code differs in three ways that are not followed: with accumulation only the last micro-batch makes the
    direction, clipping comes before the projection and does nothing, and gamma is ignored. The update is the method:
    ``--set update=blur`` gives it to any other objective.
    """

    gamma: float = 1.0
    """Weight of the forget gradient (official code: 1 on TOFU and MUSE, 1/800 up to scale on WMDP with RMU)."""
    beta: float = 0.1
    """NPO's inverse temperature (official code: 0.1 on TOFU, 0.15 on MUSE)."""
    forget_batch: int = 2
    """Forget records per step."""
    retain_batch: int = 2
    """Retained records per step."""
    optim: Optim = Optim(lr=1e-4, epochs=10.0, schedule="constant")
    """How long and how fast (official code: 10 epochs at a constant rate on MUSE, 1e-5 to 2.5e-5 on all weights)."""
    locus: Locus = Lora()
    """Which weights may move (paper: all)."""

    def recipe(self) -> Recipe:
        """One training stage."""
        terms = (_terms.forget(NegativePreference(self.beta), self.forget_batch), _terms.retain(self.retain_batch))
        return Recipe((Train("blur", terms, self.optim, self.locus, ForgetFirst(self.gamma)),))
