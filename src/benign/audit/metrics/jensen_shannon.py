"""One minus the Jensen-Shannon distance between the unlearned and the retrained model's truth ratios."""

from __future__ import annotations

import numpy as np

from benign.audit.convention import Convention
from benign.audit.metrics.bootstrap import Floats, Sample, statistic_score
from benign.audit.metrics.forget_quality import ratios
from benign.audit.observation import Observations
from benign.audit.score import Score
from benign.errors import NotMeasured

BINS = 20
"""Equal bins of 1 / (1 + r), which lies in 0 to 1; the papers do not give theirs."""


def distribution_similarity(
    forget: Observations, retrained: Observations, *, bins: int = BINS, convention: Convention = "open_unlearning"
) -> Score | NotMeasured:
    """1 - sqrt(JS divergence, base 2) between histograms of the truth ratio r, taken as 1 / (1 + r).

    Range 0 (nothing in common) to 1 (the same histogram), higher is better; unlike the p-value it does not depend on
    n except by noise, so a few hundred records of one and the same model give about 0.9.
    Source: CLEAR (arXiv 2410.18057) as forget quality; the bins are ours.
    """
    pair = ratios(forget, retrained, convention)
    if isinstance(pair, NotMeasured):
        return pair
    shares = [(1 - np.tanh(np.array(values) / 2)) / 2 for values in pair]
    clusters = tuple(o.cluster for o in forget if o.perturbed and o.logp)
    sample = Sample(np.column_stack(shares), clusters)
    return statistic_score(lambda rows: 1 - distance(rows[0][:, 0], rows[0][:, 1], bins), [sample])


def distance(one: Floats, other: Floats, bins: int = BINS) -> float:
    """The Jensen-Shannon distance (base 2, 0 to 1) between histograms of values within 0 to 1."""
    p, q = (np.histogram(values, bins=bins, range=(0, 1))[0] / len(values) for values in (one, other))
    middle = (p + q) / 2
    divergence = (_relative(p, middle) + _relative(q, middle)) / 2
    return float(np.sqrt(max(0.0, divergence)))


def _relative(p: Floats, q: Floats) -> float:
    kept = p > 0
    return float((p[kept] * np.log2(p[kept] / q[kept])).sum())
