"""Whether a model still writes: how it takes to good text, and how varied its own is."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np

from benign.audit.metrics.bleu import ngrams, sentence_bleu
from benign.audit.metrics.bootstrap import Bounds, Sample, mean_score, statistic_score
from benign.audit.metrics.words import words
from benign.audit.observation import Observations
from benign.audit.score import Score
from benign.errors import NotMeasured

ABOVE_ONE: Bounds = (1.0, math.inf)
BITS: Bounds = (0.0, math.inf)
_COMPARED = 100
"""Answers that self-BLEU compares: its cost grows with the square."""


def perplexity(observations: Observations) -> Score | NotMeasured:
    """The exponential of the mean negative log-probability over all tokens of the expected answers, the
    end token counted.

    Range 1 to infinity, lower is better; on the general set it says whether the model still expects sensible text.
    Tokens and not records weigh alike. Source: Jelinek et al. 1977.
    """
    scored = observations.only(lambda o: bool(o.logp))
    rows = [[-math.fsum(o.logp), float(len(o.logp))] for o in scored]
    sample = Sample(np.array(rows).reshape(-1, 2), tuple(o.cluster for o in scored))
    return statistic_score(
        lambda found: float(np.exp(found[0][:, 0].sum() / found[0][:, 1].sum())), [sample], bounds=ABOVE_ONE
    )


def fluency(observations: Observations) -> Score | NotMeasured:
    """Mean over answers of the weighted entropy of their word pairs and triples: (2/3 H2 + 4/3 H3) / 2, in bits.

    Range 0 (one word over and over, or fewer than two words) upwards, higher is better; it grows with length, so
    compare models on the same questions only. Source: RWKU (arXiv 2406.10890), after Zhang et al. 2018, which prints it
    times 100 and splits words with nltk.
    """
    return mean_score(observations.asked, lambda o: repetition_entropy(o.text), bounds=BITS)


def repetition_entropy(text: str) -> float:
    """(2/3 H2 + 4/3 H3) / 2 of one text; an entropy of nothing is 0."""
    found = words(text)
    return (2 / 3 * _entropy(ngrams(found, 2)) + 4 / 3 * _entropy(ngrams(found, 3))) / 2


def distinct(observations: Observations, *, n: int = 2) -> Score | NotMeasured:
    """distinct-n: the share of different ones among all sequences of ``n`` words of all answers together.

    Range 0 to 1, higher is better: a model that answers everything with one sentence is near 0. It falls with the
    number of answers, so compare models on the same questions only. Source: Li et al. 2016 (arXiv 1510.03055).
    """
    texts = [words(o.text) for o in observations.asked]
    counts: Counter[tuple[str, ...]] = Counter()
    for text in texts:
        counts += ngrams(text, n)
    total = sum(counts.values())
    if not total:
        return NotMeasured(f"no answer has {n} words")
    value = len(counts) / total
    # A resampled answer repeats its own words: a bootstrap would lie below the value by construction.
    return Score(value, value, value, len(texts))


def self_bleu(observations: Observations) -> Score | NotMeasured:
    """Mean BLEU of each answer against the other answers, over at most 100 of them.

    Range 0 to 1, lower is better: 1 is the same answer to everything. Source: Zhu et al. 2018 (arXiv 1802.01886).
    """
    texts = [words(o.text) for o in observations.asked]
    step = max(1, math.ceil(len(texts) / _COMPARED))
    kept = texts[::step]
    if len(kept) < 2:
        return NotMeasured("fewer than two answers")
    values = [sentence_bleu(one, [*kept[:i], *kept[i + 1 :]]) for i, one in enumerate(kept)]
    value = math.fsum(values) / len(values)
    return Score(value, value, value, len(values))


def _entropy(counts: Counter[tuple[str, ...]]) -> float:
    total = sum(counts.values())
    return -math.fsum(c / total * math.log2(c / total) for c in counts.values()) if total else 0.0
