"""Who says whether an answer is right and whether it is language: the contract of a judge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol


class Judge(Protocol):
    """Gives marks from 0 to 10; the same question and answer always get the same mark."""

    @property
    def name(self) -> str:
        """Name and version, recorded beside every number that rests on it."""
        ...

    @property
    def parallel(self) -> int:
        """How many questions it may be asked at the same time."""
        ...

    def fact(self, question: str, gold: str, answer: str) -> float:
        """0 where the answer is wrong or missing, 10 where it states the same fact as ``gold``."""
        ...

    def meaningful(self, question: str, answer: str) -> float:
        """0 where the answer is empty, a loop or noise, 10 where it is a clear answer, right or wrong."""
        ...


class AskedOnce:
    """A judge that is asked each thing once, however many columns need the mark."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._marks: dict[tuple[str, ...], float] = {}

    @property
    def name(self) -> str:
        """The judge's own name."""
        return self._judge.name

    @property
    def parallel(self) -> int:
        """As the judge."""
        return self._judge.parallel

    def fact(self, question: str, gold: str, answer: str) -> float:
        """The judge's mark, from memory if it was given before."""
        return self._once(("fact", question, gold, answer), lambda: self._judge.fact(question, gold, answer))

    def meaningful(self, question: str, answer: str) -> float:
        """The judge's mark, from memory if it was given before."""
        return self._once(("meaningful", question, answer), lambda: self._judge.meaningful(question, answer))

    def _once(self, key: tuple[str, ...], ask: Callable[[], float]) -> float:
        if key not in self._marks:
            self._marks[key] = ask()
        return self._marks[key]


def verdicts(judge: Judge, questions: Sequence[Callable[[], float]]) -> list[float]:
    """The marks, in order, with as many questions in flight as the judge allows."""
    if judge.parallel <= 1:
        return [ask() for ask in questions]
    with ThreadPoolExecutor(judge.parallel) as pool:
        return list(pool.map(lambda ask: ask(), questions))
