from __future__ import annotations

from audit.answering import many, seen
from benign.audit.metrics.paraphrased import worst_wording
from benign.audit.metrics.rouge import recall
from benign.audit.score import Score


def test_one_wording_that_works_is_enough() -> None:
    score = worst_wording(
        many(
            seen("red", view="paraphrase_1"), seen("blue", view="paraphrase_2"), seen("", view="paraphrase_3"),
            seen("red", record="s", view="paraphrase_1"),
        ),
        recall,
    )  # fmt: skip
    assert isinstance(score, Score)
    assert (score.value, score.n) == (0.5, 2)
