from __future__ import annotations

from audit.answering import seen
from benign.audit.metrics.exact import agrees


def test_an_answer_inside_a_longer_one_is_not_exact() -> None:
    assert agrees(seen("It is blue.", "blue")) == 0.0
    assert agrees(seen("  BLUE !", "blue")) == 1.0


def test_two_empty_texts_of_signs_are_compared_as_they_are() -> None:
    assert agrees(seen("?", "?")) == 1.0
    assert agrees(seen("", "?")) == 0.0
