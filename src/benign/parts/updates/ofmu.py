"""OFMU (Asif and Mohammadi Amiri 2025, arXiv 2509.22483): forgetting as an inner problem, keeping as the outer one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from benign.errors import UserError
from benign.parts.updates import Gradient, State, Step
from benign.parts.updates.gradient import axpy, dot, norm, scaled, total
from benign.parts.updates.sides import Sides, apart, sides

_HERE = "ofmu"


class Inner(NamedTuple):
    """The inner problem where the parameters are."""

    slope: Gradient
    """The gradient of what the inner loop descends."""
    keep: Gradient
    """The gradient of the terms that keep."""
    cosine: float
    """The similarity of the two sides' gradients."""


@dataclass(frozen=True)
class PenaltyBilevel:
    """An inner loop of T steps down psi = L_forget - beta cos(g_forget, g_keep), then from there one outer step down
    L_keep + rho |grad psi|^2 with a rho that grows. The whole displacement, over the inner rate, is the gradient.

    In the paper's words the inner loop ascends the loss on the forget answers minus beta times the similarity of its
    gradient to the keeping one's, which is the same: the terms here are already minimised. The similarity's gradient is
    H_forget u + H_keep w by Hessian-vector products, with u and w its derivatives in the two gradients.
    With ``Optim(optimizer="sgd", lr=inner_rate)`` the steps are the paper's plain ones.
    """

    inner_steps: int = 5
    """T, the steps of the inner loop (paper: 5 to 10)."""
    inner_rate: float = 0.01
    """Learning rate of the inner steps, in the parameters' unit over the loss' (the paper's is not known)."""
    outer_rate: float = 0.05
    """Learning rate of the outer step (not known)."""
    beta: float = 0.1
    """Weight of the similarity (not known); 0 leaves the forget loss alone."""
    rho: float = 0.01
    """First weight of the inner problem's stationarity (not known); 0 leaves it out."""
    growth: float = 1.0
    """Factor on rho from step to step (paper: above 1, value not known)."""
    similarity: Literal["cosine", "squared"] = "cosine"
    """``squared`` makes the gradients orthogonal instead of as opposed as can be in the paper's sense: beta cos^2."""
    held: bool = True
    """Whether the inner loop takes the keeping gradient for a constant, that of where it starts: no H_keep, and passes
    over the forget terms alone (not known)."""
    curvature: Literal["forget", "difference"] = "forget"
    """Of psi's Hessian, in the outer step: that of the forget terms, exact, without the similarity's (a third
    derivative of the losses); or all of it by a central difference of grad psi."""
    forget: tuple[str, ...] = ()
    """The terms that forget; empty means the first one."""

    def init(self, parameters: Gradient) -> State:
        """Nothing is remembered: rho is a function of the step's number."""
        return State()

    def __call__(self, step: Step, state: State) -> tuple[Gradient, State]:
        """The displacement of both loops, as a gradient.

        Raises:
            UserError: A name in ``forget`` is no term's, no term keeps, or a rate or the steps' number is not above 0.
        """
        if min(self.inner_rate, self.outer_rate, self.inner_steps) <= 0:
            raise UserError("rates and inner_steps must be above 0", where=_HERE)
        chosen = sides(step.names, self.forget, where=_HERE)
        start = self.inner(step, chosen)
        keep, walked = start.keep if self.held else None, start.slope
        for _ in range(1, self.inner_steps):
            with step.moved(scaled(-self.inner_rate, walked)):
                walked = axpy(1.0, self.inner(step, chosen, keep).slope, walked)
        with step.moved(scaled(-self.inner_rate, walked)):
            outer = self.outer(step, chosen)
        return axpy(self.outer_rate / self.inner_rate, outer, walked), state

    def inner(self, step: Step, chosen: Sides, keep: Gradient | None = None) -> Inner:
        """The inner problem's gradient at the present parameters, the keeping one's being given or found; without the
        similarity where a side has none."""
        if keep is None:
            forget, keep = apart(step, chosen)
        else:
            forget = total(list(step.gradients(chosen.forget).values()))
        lengths = norm(forget), norm(keep)
        if not min(lengths):
            return Inner(forget, keep, 0.0)
        cosine = dot(forget, keep) / (lengths[0] * lengths[1])
        factor = -self.beta if self.similarity == "cosine" else 2 * self.beta * cosine
        if not factor:
            return Inner(forget, keep, cosine)
        one, other = scaled(1 / lengths[0], forget), scaled(1 / lengths[1], keep)
        by_forget = scaled(1 / lengths[0], axpy(-cosine, one, other))
        ways = dict.fromkeys(chosen.forget, by_forget)
        if not self.held:
            ways |= dict.fromkeys(chosen.keep, scaled(1 / lengths[1], axpy(-cosine, other, one)))
        return Inner(axpy(factor, step.curved(ways), forget), keep, cosine)

    def outer(self, step: Step, chosen: Sides) -> Gradient:
        """The gradient of L_keep + rho |grad psi|^2 at the present parameters."""
        rho = self.rho * self.growth**step.number
        if not rho:
            return total(list(step.gradients(chosen.keep).values()))
        here = self.inner(step, chosen)
        if not norm(here.slope):
            return here.keep
        if self.curvature == "forget":
            bent = step.curved(dict.fromkeys(chosen.forget, here.slope))
        else:
            bent = self._difference(step, chosen, here)
        return axpy(2 * rho, bent, here.keep)

    def _difference(self, step: Step, chosen: Sides, here: Inner) -> Gradient:
        """Psi's Hessian times its gradient, from the gradient a little ahead and a little behind."""
        # The cube root of the rounding unit balances the truncation against the cancellation.
        reach = (2.0**-52 if here.slope[0].itemsize == 8 else 2.0**-23) ** (1 / 3)
        ends, length = [], norm(here.slope)
        for sign in (1, -1):
            with step.moved(scaled(sign * reach / length, here.slope)):
                ends.append(self.inner(step, chosen, here.keep if self.held else None).slope)
        return scaled(length / (2 * reach), axpy(-1.0, ends[1], ends[0]))
