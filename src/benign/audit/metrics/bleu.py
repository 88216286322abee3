"""BLEU: how many of the answer's word sequences stand in the expected one."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from benign.audit.metrics.bootstrap import mean_score
from benign.audit.metrics.words import words
from benign.audit.observation import Observations
from benign.audit.score import Score
from benign.errors import NotMeasured


def bleu(observations: Observations) -> Score | NotMeasured:
    """Mean over records of the sentence BLEU of the generated answer against the expected one.

    Up to four words in a row, or as many as the answer has; exponential smoothing; brevity penalty. Range 0 to 1;
    lower is better on the forget set's memory, higher elsewhere. A precision: a leak in a long answer hardly shows.
    Source: Papineni et al. 2002; smoothing as ``sacrebleu``'s sentence BLEU, to which it is equal over the same words.
    """
    return mean_score(observations.asked, lambda o: sentence_bleu(words(o.text), [words(o.gold)]))


def sentence_bleu(given: Sequence[str], wanted: Sequence[Sequence[str]], order: int = 4) -> float:
    """BLEU of one answer against one or several expected ones, all as words."""
    if not given or not any(wanted):
        return 0.0
    logs, missed = [], 0
    for n in range(1, min(order, len(given)) + 1):
        grams = ngrams(given, n)
        most: Counter[tuple[str, ...]] = Counter()
        for reference in wanted:
            most |= ngrams(reference, n)
        hits, total = sum((grams & most).values()), sum(grams.values())
        if not hits:
            if n == 1:
                return 0.0
            missed += 1
        logs.append(math.log(hits / total if hits else 1 / (2**missed * total)))
    nearest = min((abs(len(r) - len(given)), len(r)) for r in wanted)[1]
    brevity = min(0.0, 1 - nearest / len(given))
    return math.exp(brevity + math.fsum(logs) / len(logs))


def ngrams(found: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    """How often each sequence of ``n`` words stands in a text."""
    return Counter(tuple(found[i : i + n]) for i in range(len(found) - n + 1))
