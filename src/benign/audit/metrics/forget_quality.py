"""Forget quality: can the unlearned model's truth ratios be told from the retrained model's?"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

from benign.audit.convention import Convention
from benign.audit.metrics.truth_ratio import comparable, log_ratio
from benign.audit.observation import Observations
from benign.audit.score import Score
from benign.audit.sources import same_asks
from benign.errors import NotMeasured

EXACT = 10_000
"""Up to so many items in the larger sample the p-value is exact, as in scipy."""


def forget_quality(
    forget: Observations, retrained: Observations, *, convention: Convention = "open_unlearning"
) -> Score | NotMeasured:
    """p-value of the two-sided, two-sample Kolmogorov-Smirnov test between the two models' truth ratios.

    Range 0 (told apart) to 1 (cannot be told apart), higher is better. It depends on n: 40 and 400 records are not
    comparable, which is why n stands beside it. A p-value has no interval of its own; low and high are the value.
    Source: TOFU (arXiv 2401.06121). Convention: as :func:`benign.audit.metrics.truth_ratio.truth_ratio`; the test
    itself does not change under r -> 1/r.
    """
    return _tested(forget, retrained, convention, ks_p_value)


def forget_quality_log10(
    forget: Observations, retrained: Observations, *, convention: Convention = "open_unlearning"
) -> Score | NotMeasured:
    """The decimal logarithm of :func:`forget_quality`.

    Range minus infinity to 0, higher is better; -1.3 is the usual 5 percent.
    Source: as there; computed from the exact p-value, so it does not underflow.
    """
    return _tested(forget, retrained, convention, ks_log10_p)


def ks_distance(one: Sequence[float], other: Sequence[float]) -> Fraction:
    """The largest distance between the two empirical distribution functions, exactly."""
    return Fraction(_steps(one, other), math.lcm(len(one), len(other)))


def ks_p_value(one: Sequence[float], other: Sequence[float]) -> float:
    """The two-sided p-value."""
    return math.pow(10.0, ks_log10_p(one, other))


def ks_log10_p(one: Sequence[float], other: Sequence[float]) -> float:
    """The decimal logarithm of the two-sided p-value.

    Exact by counting lattice paths (Hodges 1958) up to ``EXACT`` items, and beyond by the limiting distribution.
    """
    m, n = len(one), len(other)
    steps = _steps(one, other)
    if steps == 0:
        return 0.0
    if max(m, n) <= EXACT and m * n <= EXACT * 100:
        inside = _paths_inside(m, n, steps)
        total = math.comb(m + n, m)
        return _log10(total - inside) - _log10(total)
    z = steps / math.lcm(m, n) * math.sqrt(m * n / (m + n))
    tail = math.fsum((-1) ** (k - 1) * math.exp(-2 * (k * k - 1) * z * z) for k in range(1, 101))
    return min(0.0, (math.log(2 * tail) - 2 * z * z) / math.log(10))


def _tested(
    forget: Observations,
    retrained: Observations,
    convention: Convention,
    test: Callable[[Sequence[float], Sequence[float]], float],
) -> Score | NotMeasured:
    pair = ratios(forget, retrained, convention)
    if isinstance(pair, NotMeasured):
        return pair
    value = test(*pair)
    return Score(value, value, value, len(pair[0]))


def ratios(
    forget: Observations, retrained: Observations, convention: Convention
) -> tuple[list[float], list[float]] | NotMeasured:
    """Both models' log truth ratios on the same records."""
    compared = forget.only(comparable)
    other = same_asks(retrained, compared)
    if isinstance(other, NotMeasured):
        return other
    if not compared or not all(map(comparable, other)):
        return NotMeasured("no questions with wrong answers to compare with")
    pair = [log_ratio(o, convention) for o in compared], [log_ratio(o, convention) for o in other]
    broken = sum(map(math.isnan, (*pair[0], *pair[1])))
    return NotMeasured(f"{broken} truth ratios are not numbers") if broken else pair


def _steps(one: Sequence[float], other: Sequence[float]) -> int:
    """The distance in units of 1 / lcm(m, n)."""
    m, n = len(one), len(other)
    common = math.lcm(m, n)
    left, right = sorted(one), sorted(other)
    found = i = j = 0
    while i < m or j < n:
        value = min(left[i] if i < m else math.inf, right[j] if j < n else math.inf)
        while i < m and left[i] <= value:
            i += 1
        while j < n and right[j] <= value:
            j += 1
        found = max(found, abs(i * (common // m) - j * (common // n)))
    return found


def _paths_inside(m: int, n: int, steps: int) -> int:
    """Lattice paths from (0, 0) to (m, n) that never come ``steps`` or more away from the diagonal."""
    up, across = math.lcm(m, n) // m, math.lcm(m, n) // n
    row = [1 if j * across < steps else 0 for j in range(n + 1)]
    for i in range(1, m + 1):
        row[0] = row[0] if i * up < steps else 0
        for j in range(1, n + 1):
            row[j] = row[j] + row[j - 1] if abs(i * up - j * across) < steps else 0
    return row[n]


def _log10(count: int) -> float:
    # A Python integer has no largest size, a float has.
    bits = max(0, count.bit_length() - 1000)
    return math.log10(count >> bits) + bits * math.log10(2) if count > 0 else -math.inf
