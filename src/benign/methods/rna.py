"""RNA, random noise augmentation (Huu-Tien et al. 2025, arXiv 2501.19202): noise on what an unlearning method keeps."""

from __future__ import annotations

from dataclasses import dataclass

from benign.engine.compose import Composed
from benign.engine.recipe import Method, RandomNoise, Recipe
from benign.methods.rmu import RMU


@dataclass(frozen=True)
class RNA:
    """Any other method whose retained records are held not where the original has them but nearby, each time elsewhere,
    so that a forgotten name in a harmless question does less harm.

    Representation methods (RMU, adaptive RMU) get the noise on the hidden states they keep; of preference methods (NPO,
    DPO, SimNPO) the retain term becomes KL to a reference model with noise at one layer. The noise means nothing to the
    mean squared error's expected gradient: there it only makes the steps noisy.
    """

    method: Method = RMU()
    """What is made robust."""
    nu: float = 0.05
    """Standard deviation of the noise, in the units of the hidden states (official code's grid: 0.01 to 0.1)."""
    layer: int | float | None = None
    """The decoder layer that the noise lies on; None is the method's own, which preference methods have none of
    (official code: 7 of 32)."""

    def recipe(self) -> Recipe:
        """The method's recipe with noise in the terms that keep."""
        return Composed(self.method, noise=RandomNoise(self.nu, self.layer)).recipe()
