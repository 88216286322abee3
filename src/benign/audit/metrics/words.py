"""Words of an answer: the one way in which all metrics that compare texts take them apart."""

from __future__ import annotations

import re
import unicodedata

_ARTICLES = frozenset({"a", "an", "the"})
_BETWEEN_DIGITS = re.compile(r"(?<=\d)[.,:/-](?=\d)")
# Scripts written without spaces are compared sign by sign; as one "word" a whole sentence would match or miss at once.
_UNSPACED = re.compile(r"([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff])")


def words(text: str) -> tuple[str, ...]:
    """Lower-case runs of letters, marks and digits; on ASCII text the same as ``rouge_score`` without its stemmer."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    kept = "".join(c if unicodedata.category(c)[0] in "LMN" else " " for c in folded)
    return tuple(_UNSPACED.sub(r" \1 ", kept).split())


def normalised(text: str) -> str:
    """The text for exact comparison: case, spaces, punctuation and English articles do not count.

    Punctuation between digits stays ("3.5" is not "35"), and so do symbols such as "$" and "+". A text of nothing
    else is returned as it is.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    inner = {match.start() for match in _BETWEEN_DIGITS.finditer(folded)}
    kept = "".join(" " if unicodedata.category(c)[0] == "P" and i not in inner else c for i, c in enumerate(folded))
    rest = [word for word in kept.split() if word not in _ARTICLES]
    return " ".join(rest) or " ".join(folded.split())
