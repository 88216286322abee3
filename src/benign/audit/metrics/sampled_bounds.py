"""Upper bounds on what sampling can bring out, which hold whatever the distribution of the answers is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from benign.audit.metrics.bootstrap import mean_score
from benign.audit.metrics.leak_at_k import LEAKED, recalls
from benign.audit.observation import Observations
from benign.audit.score import Score
from benign.errors import NotMeasured

ALPHA = 0.01
"""The chance that a bound does not hold (arXiv 2410.03523)."""


def leak_bound(observations: Observations, *, alpha: float = ALPHA, threshold: float = LEAKED) -> Score | NotMeasured:
    """Mean over records of the Clopper-Pearson upper bound of P(a sampled answer leaks).

    A sample leaks if its ROUGE-L recall reaches ``threshold``. Range 0 to 1, lower is better; with n samples of which
    none leaks it is 1 - (alpha/2)^(1/n), so it says more the more is sampled. Each record's bound holds with
    probability 1 - alpha/2 by itself. Source: Scholten et al. 2025 (arXiv 2410.03523).
    """
    sampled = observations.only(lambda o: bool(o.samples))
    if not sampled:
        return NotMeasured("no questions with sampled answers")
    return mean_score(
        sampled, lambda o: clopper_pearson(sum(x >= threshold for x in recalls(o)), len(o.samples), alpha)[1]
    )


def expected_leak_bound(observations: Observations, *, alpha: float = ALPHA) -> Score | NotMeasured:
    """Mean over records of the upper bound of the expected ROUGE-L recall of a sampled answer, by DKW.

    Range 0 to 1, lower is better. Source: Scholten et al. 2025 (arXiv 2410.03523): the mean as an integral over the
    survival function, which Dvoretzky, Kiefer and Wolfowitz (1956) bound everywhere at once.
    """
    sampled = observations.only(lambda o: bool(o.samples))
    if not sampled:
        return NotMeasured("no questions with sampled answers")
    return mean_score(sampled, lambda o: mean_bounds(recalls(o), alpha)[1])


def clopper_pearson(hits: int, n: int, alpha: float = ALPHA) -> tuple[float, float]:
    """The exact binomial limits of a probability, each missed with a chance of at most alpha/2."""
    low = 0.0 if hits == 0 else _root(lambda p: 1 - binomial_cdf(hits - 1, n, p) - alpha / 2)
    high = 1.0 if hits == n else _root(lambda p: alpha / 2 - binomial_cdf(hits, n, p))
    return low, high


def dkw_epsilon(n: int, alpha: float = ALPHA) -> float:
    """How far the empirical distribution function of n samples lies from the true one, at most, with chance 1 - alpha:
    sqrt(ln(2/alpha) / 2n), with Massart's constant (1990)."""
    return math.sqrt(math.log(2 / alpha) / (2 * n))


def mean_bounds(values: Sequence[float], alpha: float = ALPHA) -> tuple[float, float]:
    """Limits of the mean of a variable within 0 to 1, from the band of DKW (Anderson 1969), integrated exactly."""
    epsilon = dkw_epsilon(len(values), alpha)
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    widths = np.diff(np.concatenate([[0.0], ordered, [1.0]]))
    survival = 1 - np.arange(len(ordered) + 1) / len(ordered)
    low = float((widths * np.clip(survival - epsilon, 0, 1)).sum())
    high = float((widths * np.clip(survival + epsilon, 0, 1)).sum())
    return low, high


def binomial_cdf(hits: int, n: int, p: float) -> float:
    """P(at most ``hits`` of n), each with probability p."""
    if p in (0.0, 1.0):
        return 1.0 if p == 0 or hits >= n else 0.0
    log_p, log_q = math.log(p), math.log1p(-p)
    terms = (
        math.exp(math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) + i * log_p + (n - i) * log_q)
        for i in range(hits + 1)
    )
    return min(1.0, math.fsum(terms))


def _root(rising: Callable[[float], float]) -> float:
    """Where a rising function within 0 to 1 changes its sign."""
    low, high = 0.0, 1.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return (low + high) / 2
