from __future__ import annotations

import threading
from functools import partial

from benign.audit.judges.judge import AskedOnce, verdicts


class Counting:
    name = "counting"

    def __init__(self, parallel: int = 1) -> None:
        self.parallel = parallel
        self.asked: list[str] = []
        self.together = threading.Barrier(parallel, timeout=10)

    def fact(self, question: str, gold: str, answer: str) -> float:
        self.asked.append(answer)
        self.together.wait()
        return float(len(answer))

    def meaningful(self, question: str, answer: str) -> float:
        self.asked.append(answer)
        return 10.0


def test_the_same_thing_is_asked_once() -> None:
    counting = Counting()
    judge = AskedOnce(counting)
    assert [judge.fact("q", "g", "aa"), judge.fact("q", "g", "aa"), judge.fact("q", "g", "a")] == [2.0, 2.0, 1.0]
    assert judge.meaningful("q", "aa") == judge.meaningful("q", "aa") == 10.0
    assert counting.asked == ["aa", "a", "aa"]
    assert (judge.name, judge.parallel) == ("counting", 1)


def test_marks_come_in_order_with_as_many_in_flight_as_allowed() -> None:
    judge = Counting(parallel=3)  # whose barrier opens only if three are there at once
    answers = ["a", "aa", "aaa", "aaaa", "aaaaa", "aaaaaa"]
    assert verdicts(judge, [partial(judge.fact, "q", "g", a) for a in answers]) == [1, 2, 3, 4, 5, 6]
