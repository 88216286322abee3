from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.tokenizers import DefaultTokenizer

from benign.audit.metrics.words import normalised, words


@given(st.text(st.characters(max_codepoint=127)))
def test_ascii_words_are_those_of_rouge_score(text: str) -> None:
    assert list(words(text)) == DefaultTokenizer(use_stemmer=False).tokenize(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Zoë's Straße", ("zoë", "s", "strasse")),
        ("東京 tower", ("東", "京", "tower")),
        ("हिन्दी भाषा", ("हिन्दी", "भाषा")),
        ("ﬁve", ("five",)),
        ("!? …", ()),
    ],
)
def test_words_of_other_scripts(text: str, expected: tuple[str, ...]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The  Baker.", "baker"),
        ("New-York", "new york"),
        ("ＡＢＣ", "abc"),
        ("«Paris»", "paris"),
        ("3-5-1980", "3/5/1980"),
        ("a cat", "the cat"),
    ],
)
def test_what_does_not_count(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("3.5", "35"),
        ("12/05/1980", "12051980"),
        ("the", "a"),
        ("C++", "C"),
        ("$5", "5"),
        ("baker", "bakery"),
        ("?", "!"),
        ("", "the"),
    ],
)
def test_what_counts(one: str, other: str) -> None:
    assert normalised(one) != normalised(other)


@given(st.text())
def test_normalising_twice_is_normalising_once_for_words(text: str) -> None:
    assert words(normalised(text)) == words(normalised(normalised(text)))
