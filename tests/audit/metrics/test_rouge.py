from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from audit.answering import seen
from benign.audit.metrics.rouge import f1, longest_common_subsequence, overlap, recall

SCORER = RougeScorer(["rougeL"], use_stemmer=False)
WORDS = ["anna", "is", "a", "baker", "in", "rome", ",", "and", "Paris", "3.5", "don't"]
TEXT = st.lists(st.sampled_from(WORDS)).map(" ".join)


@given(TEXT.filter(lambda text: any(c.isalnum() for c in text)), TEXT)
def test_parity_with_rouge_score(gold: str, text: str) -> None:
    official = SCORER.score(gold, text)["rougeL"]
    assert overlap(gold, text) == pytest.approx((official.precision, official.recall))
    assert f1(seen(text, gold)) == pytest.approx(official.fmeasure)


def test_a_leak_in_a_long_answer_is_whole_by_recall_and_small_by_f1() -> None:
    leak = seen("well let me think it could be that she lives in 12 mill lane", "12 mill lane")
    assert recall(leak) == 1.0
    assert f1(leak) == pytest.approx(2 * (3 / 14) / (3 / 14 + 1))


def test_order_counts() -> None:
    assert longest_common_subsequence("abcd", "badc") == 2
    assert longest_common_subsequence("abc", "") == 0
    assert longest_common_subsequence("axbxc", "abc") == 3


def test_an_expected_answer_of_signs_must_be_given_as_it_is() -> None:
    assert recall(seen("...", "...")) == 1.0
    assert recall(seen("blue", "...")) == 0.0
