"""GU, geometric-disentanglement unlearning (arXiv 2511.17100): forget along directions in which keeping is flat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benign.parts.updates import Gradient, State, Step
from benign.parts.updates.gradient import axpy, dot
from benign.parts.updates.sides import apart, sides


@dataclass(frozen=True)
class GeometricDisentanglement:
    """d = g_keep + g_forget - c g_keep with the one coefficient c = <g_forget, g_keep> / <g_keep, g_keep> in the
    metric of the optimiser's step, whether or not the two conflict.

    AdamW moves a parameter by -lr H^-1 d with H = sqrt(v) + eps, so <a, b> = sum of a b / H makes the forget part leave
    the kept loss as it is, to first order. v is this update's own running mean of d^2, from the steps before; the first
    step takes H = 1. The optimiser's momentum, weight decay and present step are not in the metric: a mean of earlier
    gradients would carry the step off the flat directions again, so the paper takes none. Give GU an optimiser with
    ``Optim(betas=(0.0, 0.999))``, or ``--set optim.betas=0,0.999``.
    """

    metric: Literal["adam", "plain"] = "adam"
    """``plain`` takes H = 1 throughout, for an optimiser without second moments."""
    beta2: float = 0.999
    """Decay of the mean of squares, as in AdamW."""
    eps: float = 1e-8
    """Added to the square root, as in AdamW."""
    forget: tuple[str, ...] = ()
    """The terms that forget; empty means the first one."""

    def init(self, parameters: Gradient) -> State:
        """Empty: the means of squares (``squares``) and their age (``steps``) come with the first step."""
        return State()

    def __call__(self, step: Step, state: State) -> tuple[Gradient, State]:
        """The keeping gradient plus the forget gradient off it.

        Raises:
            UserError: A name in ``forget`` is no term's, or no term keeps.
        """
        forget, keep = apart(step, sides(step.names, self.forget, where="gu"))
        lifted = self._divided(keep, state)
        square = dot(lifted, keep)
        off = axpy(-dot(lifted, forget) / square, keep, forget) if square > 0 else forget
        joined = axpy(1.0, keep, off)
        return joined, self._seen(joined, state)

    def _divided(self, gradient: Gradient, state: State) -> Gradient:
        """H^-1 gradient."""
        if self.metric == "plain" or not state.tensors:
            return gradient
        age = 1 - self.beta2 ** state.numbers["steps"]
        squares = zip(gradient, state.tensors["squares"], strict=True)
        return tuple(way / ((v / age).sqrt() + self.eps) for way, v in squares)

    def _seen(self, gradient: Gradient, state: State) -> State:
        if self.metric == "plain":
            return state
        new = tuple((1 - self.beta2) * (way.float() if way.itemsize < 4 else way).square() for way in gradient)
        before = state.tensors.get("squares")
        squares = axpy(self.beta2, before, new) if before else new
        return State({"steps": state.numbers.get("steps", 0.0) + 1}, {"squares": squares})
