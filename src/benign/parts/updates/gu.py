"""GU, geometric-disentanglement unlearning (arXiv 2511.17100): forget along directions in which keeping is flat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benign.parts.updates import Gradient, State, Step
from benign.parts.updates.gradient import axpy, dot
from benign.parts.updates.sides import apart, sides


@dataclass(frozen=True)
class GeometricDisentanglement:
    """d = g_forget - c g_keep + alpha g_keep with the one coefficient c = <g_forget, g_keep> / <g_keep, g_keep> in the
    metric of the optimiser's step, whether or not the two conflict.

    AdamW moves a parameter by -lr H^-1 d with H = sqrt(v) + eps, so <a, b> = sum of a b / H makes the forget part leave
    the kept loss as it is, to first order. H is the optimiser's own, clipping and all, from the steps before; the first
    step takes H = 1. The optimiser's momentum, weight decay and present step are not in the metric: a mean of earlier
    gradients would carry the step off the flat directions again, so the paper takes none. Give GU an optimiser with
    ``Optim(betas=(0.0, 0.999))``, or ``--set optim.betas=0,0.999``. The paper's weight of the forget part is the forget
    terms' own weight.
    """

    metric: Literal["adam", "plain"] = "adam"
    """``plain`` takes H = 1 throughout, for comparison."""
    alpha: float = 1.0
    """How much of the keeping gradient is put back; 0 only forgets (official code: 1)."""
    forget: tuple[str, ...] = ()
    """The terms that forget; empty means the first one."""

    def init(self, parameters: Gradient) -> State:
        """Nothing is remembered: the optimiser's squares are the optimiser's."""
        return State()

    def __call__(self, step: Step, state: State) -> tuple[Gradient, State]:
        """The forget gradient off the keeping one, plus alpha times the latter.

        Raises:
            UserError: A name in ``forget`` is no term's, or no term keeps.
        """
        forget, keep = apart(step, sides(step.names, self.forget, where="gu"))
        scale = step.scale() if self.metric == "adam" else None
        lifted = keep if scale is None else tuple(way / by for way, by in zip(keep, scale, strict=True))
        square = dot(lifted, keep)
        off = axpy(-dot(lifted, forget) / square, keep, forget) if square > 0 else forget
        return axpy(self.alpha, keep, off), state
