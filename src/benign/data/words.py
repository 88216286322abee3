"""Words of an answer: the one way in which everything that compares texts takes them apart."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

_ARTICLES = frozenset({"a", "an", "the"})
# Scripts written without spaces are compared sign by sign; as one "word" a whole sentence would match or miss at once.
_UNSPACED = re.compile(r"([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff])")


def words(text: str) -> tuple[str, ...]:
    """Lower-case runs of letters, marks and digits; on ASCII text the same as ``rouge_score`` without its stemmer."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    kept = "".join(c if unicodedata.category(c)[0] in "LMN" else " " for c in folded)
    return tuple(_UNSPACED.sub(r" \1 ", kept).split())


def normalised(text: str) -> str:
    """The text for exact comparison: case, spaces, punctuation and English articles do not count.

    Punctuation becomes a space, so "3.5" is "3 5" and not "35"; symbols such as "$" and "+" stay. A text of nothing
    else is returned as it is.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    kept = "".join(" " if unicodedata.category(c)[0] == "P" else c for c in folded)
    rest = [word for word in kept.split() if word not in _ARTICLES]
    return " ".join(rest) or " ".join(folded.split())


def unigram_precision(gold: str, text: str) -> float:
    """ROUGE-1 precision: the share of the text's words that stand in ``gold``, each as often as it does there; 0 where
    there are none."""
    wanted, given = Counter(words(gold)), Counter(words(text))
    total = sum(given.values())
    return sum((wanted & given).values()) / total if total else 0.0


_FUNCTION_WORDS = frozenset(
    words(
        "a an the is are was were be been am do does did has have had of in on at to for from by with and or as it its "
        "he she they his her their him them this that these those there who what which where when not no"
    )
)


def keywords(question: str, gold: str) -> frozenset[str]:
    """The words that tell this answer from others: neither function words nor in the question; all where none is
    left."""
    every = frozenset(words(gold))
    told = every - _FUNCTION_WORDS
    return (told - set(words(question))) or told or every
