"""Forgetting and keeping are what they say, with their intervals."""

from __future__ import annotations

import pytest

from benign.audit.score import Score, Scoreboard
from benign.errors import NotMeasured
from benign.report.plots import bars, tradeoff
from benign.report.tradeoff import Outcome, outcomes
from tests.report.pages import row, score


def outcome(**metrics: float | Score | NotMeasured) -> Outcome:
    original = row("original", memory_rouge=1.0, understanding_forget=0.8, retained_memory=1.0, general=0.5)
    board = Scoreboard("toy", "", (original, row("mine", **metrics)), score(0.9))
    return outcomes(board)[1]


def test_keeping_is_the_mean_against_the_original() -> None:
    found = outcome(memory_rouge=0.2, understanding_forget=0.4, retained_memory=0.75, general=0.5)
    assert isinstance(found.kept, Score)
    assert found.kept.value == pytest.approx((0.5 + 0.75 + 1.0) / 3)
    # 0.02 either side; against 0.8, 1.0 and 0.5, and nothing above all of it.
    assert found.kept.low == pytest.approx(found.kept.value - (0.025**2 + 0.02**2 + 0.04**2) ** 0.5 / 3)
    assert found.kept.high == pytest.approx(found.kept.value + (0.025**2 + 0.02**2) ** 0.5 / 3)


def test_better_than_the_original_earns_nothing() -> None:
    found = outcome(understanding_forget=0.9, retained_memory=0.5, general=0.9)
    assert isinstance(found.kept, Score) and found.kept.value == pytest.approx((1 + 0.5 + 1) / 3)


def test_forgotten_turns_memory_and_its_interval_round() -> None:
    assert outcome(memory_rouge=Score(0.2, 0.1, 0.25, 9)).forgotten == Score(0.8, 0.75, 0.9, 9)


def test_the_worst_probe_is_the_one_that_gets_the_most() -> None:
    assert outcome(memory_rouge=0.1, memory_paraphrased=0.3, memory_text=0.2).worst == ("memory_paraphrased", 0.3)


def test_what_was_not_measured_has_no_point_and_says_so_in_the_bars() -> None:
    original = row("original", memory_rouge=1.0, general=0.5)
    dumb = row("dumb", memory_rouge=NotMeasured("no power"), general=0.5)
    board = Scoreboard("toy", "", (original, dumb), score(0.9))
    assert ">dumb</text>" not in tradeoff(board, None)
    assert ">not measured</text>" in bars(board, None)
    assert "dumb: forgotten not measured: no power" in bars(board, None)
