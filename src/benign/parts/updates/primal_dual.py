"""Primal-dual unlearning (PDU, Entesari et al. 2025, arXiv 2506.05314): forget as far as keeping allows."""

from __future__ import annotations

from dataclasses import dataclass

from benign.parts.updates import Gradient, State, Step
from benign.parts.updates.sides import sides


@dataclass(frozen=True)
class PrimalDual:
    """Minimise the forget terms subject to ``loss <= bound`` for each term that keeps.

    The primal step follows g_forget + sum of lambda_i g_i; then, after the warm-up, each dual variable follows its
    constraint's violation: lambda_i <- max(0, lambda_i + step_size (loss_i - bound)), with the loss of this very step.
    The shift by ``bound`` has no gradient. The defaults are those of the authors' final TOFU runs.
    """

    bound: float = 0.3
    """Largest loss of a term that keeps, in its own unit, unweighted: somewhat above its value before the training
    (official runs: 0.3 on TOFU; 0.1 to 1.5 on MUSE)."""
    step_size: float = 5.0
    """Step of the dual variable (official runs: 5 on TOFU, 1 on MUSE)."""
    start: float = 100.0
    """The dual variable's first value: logit margins are large numbers (official runs: 100 on TOFU, 50 on MUSE)."""
    warmup: float = 0.5
    """Share of the steps in which the dual variable rests (official runs: 5 of 10 epochs on TOFU, 3 of 10 on MUSE)."""
    forget: tuple[str, ...] = ()
    """The terms that forget; empty means the first one."""

    def init(self, parameters: Gradient) -> State:
        """Empty: a term's dual variable (``dual/NAME``) is ``start`` until it has been moved."""
        return State()

    def __call__(self, step: Step, state: State) -> tuple[Gradient, State]:
        """One pass over the Lagrangian, then the dual step.

        Raises:
            UserError: A name in ``forget`` is no term's, or no term keeps.
        """
        chosen = sides(step.names, self.forget, where="primal_dual")
        duals = {name: state.numbers.get(f"dual/{name}", self.start) for name in chosen.keep}
        gradient = step.sum(dict.fromkeys(chosen.forget, 1.0) | duals)
        if step.number >= self.warmup * step.total:
            losses = step.losses()
            # A term that rests says nothing of how well its bound is kept.
            told = {name: self.step_size * (losses[name] - self.bound) for name in duals if name in losses}
            duals = {name: max(0.0, now + told.get(name, 0.0)) for name, now in duals.items()}
        return gradient, State({f"dual/{name}": value for name, value in duals.items()})
