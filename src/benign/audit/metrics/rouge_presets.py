"""ROUGE as the repositories of the field compute it: unigrams or sequences, with or without the stemmer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from typing import Literal

from benign.audit.convention import Convention
from benign.audit.metrics.bootstrap import mean_score
from benign.audit.metrics.rouge import Variant, longest_common_subsequence
from benign.audit.metrics.words import words
from benign.audit.observation import Observations
from benign.audit.score import Score
from benign.errors import NotMeasured, UserError

Unit = Literal["rouge_1", "rouge_l"]


def rouge_1(observations: Observations, *, variant: Variant = "recall", stemmed: bool = False) -> Score | NotMeasured:
    """Mean over records of the words shared with the expected answer, in any order, each as often as both have it.

    ``recall`` divides by the expected answer's words, ``f1`` also by the given one's. Range 0 to 1; lower is better on
    the forget set's memory, higher elsewhere. Source: Lin 2004; equal to ``rouge_score`` on ASCII text.
    """
    return mean_score(observations.asked, lambda o: value(o.gold, o.text, "rouge_1", variant, stemmed=stemmed))


def rouge(observations: Observations, *, convention: Convention = "open_unlearning") -> Score | NotMeasured:
    """Mean over records of the one ROUGE number that a benchmark reports.

    ``paper`` (TOFU) and ``open_unlearning``: ROUGE-L recall with the stemmer; ``muse``: ROUGE-L F1 without it;
    ``rwku``: ROUGE-L recall without it (its ``rouge`` package splits at spaces only and counts a repeated word's
    matches in another way, so its numbers differ a little). Range 0 to 1; lower is better on the forget set's memory.
    Needs the extra ``benign[stemmer]`` where the stemmer is used.
    """
    variant: Variant = "f1" if convention == "muse" else "recall"
    stemmed = convention in ("paper", "open_unlearning")
    return mean_score(observations.asked, lambda o: value(o.gold, o.text, "rouge_l", variant, stemmed=stemmed))


def value(gold: str, text: str, unit: Unit, variant: Variant, *, stemmed: bool = False) -> float:
    """One answer's ROUGE. An expected answer without any word (a mere sign) must be given as it is."""
    wanted, given = words(gold), words(text)
    if not wanted:
        return float(gold.strip() == text.strip())
    if stemmed:
        wanted, given = stems(wanted), stems(given)
    if unit == "rouge_1":
        common = sum((Counter(wanted) & Counter(given)).values())
    else:
        common = longest_common_subsequence(wanted, given)
    return common / len(wanted) if variant == "recall" else 2 * common / (len(wanted) + len(given))


def stems(found: Sequence[str]) -> tuple[str, ...]:
    """Porter stems of the words of more than three letters, as ``rouge_score`` takes them."""
    stem = _stemmer()
    return tuple(stem(word) if len(word) > 3 else word for word in found)


@cache
def _stemmer() -> Callable[[str], str]:
    try:
        from nltk.stem.porter import PorterStemmer
    except ImportError:
        raise UserError("ROUGE with stems needs nltk", fix="pip install 'benign[stemmer]'") from None
    stem: Callable[[str], str] = PorterStemmer().stem
    return stem
