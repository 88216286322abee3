"""The offline judge: marks by rules over words, the same on every machine (docs/judges.md says what it cannot see)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from benign.audit.metrics.refusal import is_refusal
from benign.audit.metrics.words import words

# Function words carry no fact; "no", "not" and "yes" do.
_FUNCTION_TEXT = """
    a an the and or but if of in on at to from by for with about as into over under this that these
    those is are was were be been being am do does did have has had will would can could shall should
    may might must it its he him his she her hers they them their we us our i me my you your who whom
    which what where when how there here so very also s t re ve ll d m
"""
_FUNCTION = frozenset(words(_FUNCTION_TEXT))
_NEGATIONS = frozenset({"not", "no", "never", "neither", "nor", "without", "isn", "wasn", "don", "doesn", "didn"})
_BETA_SQUARED = 4.0  # recall counts twice as much as precision: a fact in a sentence is still the fact
_VOWELS = frozenset("aeiouy")


@dataclass(frozen=True)
class RulesJudge:
    """Marks without any model.

    Fact: F-measure (beta 2) of the content words of the expected answer that the question did not already give away.
    It sees other word order and added words; it does not see synonyms, other units, or a negation more than three
    words away, and gives partial marks for shared words. A refusal gets 0.

    Meaningful: 10, lowered by repetition, broken characters, words that are none, and long English texts without
    function words; empty is 0. It sees loops and noise; it does not see fluent nonsense or short word salad.
    """

    name: str = "rules-1"
    parallel: int = 1

    def fact(self, question: str, gold: str, answer: str) -> float:
        """F-measure of content words, times 10."""
        wanted = _facts(gold, question)
        if not wanted:
            return 10.0 * float(gold.strip() == answer.strip())
        if is_refusal(answer) and not is_refusal(gold):
            return 0.0
        given = _facts(answer, question)
        if not _NEGATIONS & set(words(gold)):
            given = _without_negated(answer, given)
        hits = sum(min(wanted.count(word), given.count(word)) for word in set(wanted))
        if not hits:
            return 0.0
        precision, recall = hits / len(given), hits / len(wanted)
        return 10.0 * (1 + _BETA_SQUARED) * precision * recall / (_BETA_SQUARED * precision + recall)

    def meaningful(self, question: str, answer: str) -> float:
        """10 times the share that is left after every fault."""
        tokens = words(answer)
        if not tokens:
            return 0.0
        return 10.0 * _fresh(tokens) * _clean(answer) * _wordlike(answer) * _grammatical(tokens)


def _facts(text: str, question: str) -> list[str]:
    content = [word for word in words(text) if word not in _FUNCTION] or list(words(text))
    known = set(words(question))
    return [word for word in content if word not in known] or content


def _without_negated(answer: str, given: Sequence[str]) -> list[str]:
    """The given words, with those marked that a negation up to three words before takes back."""
    tokens = words(answer)
    denied = {
        word for i, word in enumerate(tokens) if _NEGATIONS & set(tokens[max(0, i - 3) : i]) and word not in _NEGATIONS
    }
    return [f"not {word}" if word in denied else word for word in given]


def _fresh(tokens: Sequence[str]) -> float:
    """1 for text that goes on, 0 for a loop: by doubled words and by repeated word pairs."""
    # Spelt-out numbers ("5 5 5 0 1") repeat digits without being a loop, unless they never end.
    told = tokens if len(tokens) > 16 else [token for token in tokens if not token.isdigit()]
    if len(told) < 3:
        return 1.0
    pairs = list(pairwise(told))
    doubled = sum(one == other for one, other in pairs) / len(pairs)
    distinct = len(set(pairs)) / len(pairs)
    return (1 - doubled) * min(1.0, max(0.0, (distinct - 0.3) / 0.4))


def _clean(text: str) -> float:
    """Share of characters that are not replacement signs, control or unassigned characters; squared twice."""
    bad = sum(c == "\ufffd" or (unicodedata.category(c)[0] == "C" and c not in "\n\t\r\u200d\u200c") for c in text)
    return (1 - bad / len(text)) ** 4


def _wordlike(text: str) -> float:
    """Share of pieces that could be words of some language, squared."""
    pieces = [piece for piece in re.split(r"\s+", text) if piece]
    return (sum(map(_could_be_word, pieces)) / len(pieces)) ** 2


def _could_be_word(piece: str) -> bool:
    letters = [c for c in piece if c.isalpha()]
    if not letters:
        return any(c.isdigit() for c in piece) or len(piece) <= 3
    scripts = {unicodedata.name(c, "?").split()[0] for c in letters} - {"MODIFIER"}
    latin = "".join(letters).casefold() if scripts == {"LATIN"} else ""
    # An acronym may do without vowels; a long run of lower-case consonants may not.
    vowels = not latin or len(latin) < 5 or piece.isupper() or bool(_VOWELS & set(_base_letters(latin)))
    unspaced = bool(scripts & {"CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR"})
    longest = max((len(part) for part in re.split(r"[^\w]|_", piece)), default=0)
    return vowels and (unspaced or (len(scripts) == 1 and longest <= 35))


def _base_letters(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")


def _grammatical(tokens: Sequence[str]) -> float:
    """1 unless a long text in plain ASCII words has almost no English function words; then down to 0.4."""
    letters = [token for token in tokens if token.isascii() and token.isalpha()]
    if len(letters) < 12:
        return 1.0
    share = sum(token in _FUNCTION or token in _NEGATIONS for token in letters) / len(letters)
    return 0.4 + 0.6 * min(1.0, share / 0.15)
