"""Zeroth-order search of one number: central differences of a score that has no gradient (ECO, arXiv 2406.07933)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

_SMALLEST = 1e-8


@dataclass(frozen=True)
class ZerothOrder:
    """x <- max(x - rate * (s(x + reach) - s(x - reach)) / (2 reach), least), until the score is no more than a goal.

    The defaults are the official code's for WMDP (chrisliu298/llm-unlearn-eco, 9b0ba1a). That code asks for no score
    at x itself: it ends where s(x + reach) before a step is below the goal. Its search of a vector of strengths, which
    none of its scripts calls, is left out.
    """

    start: float = 0.1
    """Where the search begins."""
    least: float = 0.1
    """It never goes below."""
    reach: float = 0.0999
    """Half the distance of the two points whose scores are compared."""
    rate: float = 100.0
    """How far a step goes per unit of the slope."""
    steps: int = 10
    """Steps at most; each asks for three scores."""

    def __call__(self, score: Callable[[float], float], goal: float) -> tuple[float, list[float]]:
        """The number that was reached, and the scores on the way, the last one its own."""
        x = self.start
        seen = [score(x)]
        for _ in range(self.steps):
            if seen[-1] <= goal:
                break
            x = max(x - self.rate * self.slope(score, x), self.least)
            seen.append(score(x))
        return x, seen

    def slope(self, score: Callable[[float], float], x: float) -> float:
        """The central difference; the lower point stays above zero."""
        low = max(x - self.reach, _SMALLEST)
        return (score(x + self.reach) - score(low)) / (2 * self.reach)
