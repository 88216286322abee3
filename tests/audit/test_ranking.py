from __future__ import annotations

import math
from dataclasses import replace

import pytest

from audit.worlds import Says, babbles, blind, half, knows, never_met, observations, only_pictures
from benign.audit.ranking import mean_rows, ranking, standing
from benign.audit.score import Row, Score, Scoreboard
from benign.audit.scoreboard import judge_row, measured_gap
from benign.errors import NotMeasured

ORIGINAL, RETRAINED = observations(knows), observations(never_met)


def board(**methods: Says) -> Scoreboard:
    rows = [judge_row("original", ORIGINAL), judge_row("retrained", RETRAINED)]
    rows += [judge_row(n, observations(s), original=ORIGINAL, retrained=RETRAINED) for n, s in methods.items()]
    return Scoreboard("m", "b", tuple(rows), measured_gap(ORIGINAL, RETRAINED))


def test_the_better_compromise_stands_first_and_the_broken_last() -> None:
    ranked = ranking(board(broken=babbles, nothing=knows, blind=blind, half=half, best=never_met, names=only_pictures))
    assert isinstance(ranked, tuple)
    assert ranked[:2] == ("best", "half")
    assert set(ranked[2:5]) == {"nothing", "blind", "names"}
    assert ranked[5] == "broken"


def test_its_numbers_have_closed_forms() -> None:
    table = standing(board(nothing=knows, half=half, best=never_met, blind=blind, broken=babbles))
    assert isinstance(table, tuple)
    found = {place.method: (place.forgetting, place.keeping, place.total) for place in table}
    assert found["best"] == (1.0, 1.0, 1.0)
    assert found["half"] == pytest.approx((0.5, 1.0, 2 / 3))
    assert found["nothing"] == (0.0, 1.0, 0.0)
    assert found["blind"] == (1.0, 0.0, 0.0)
    assert found["broken"] == (1.0, 0.0, 0.0)


def test_the_probe_that_remembers_most_counts() -> None:
    table = standing(board(names=only_pictures))
    assert isinstance(table, tuple)
    assert table[0].forgetting == 0.0


def test_a_row_noted_as_destroyed_cannot_stand_before_one_that_is_not() -> None:
    start = board(weak=half, strong=never_met)
    strong = replace(start.rows[3], notes=("destroyed (seed 1)",))
    ranked = ranking(replace(start, rows=(*start.rows[:3], strong)))
    assert ranked == ("weak", "strong")


def test_too_little_to_forget_is_not_ranked() -> None:
    start = board(best=never_met)
    small = replace(start, gap=Score(0.49, 0.4, 0.6, 8))
    refused = ranking(small)
    assert isinstance(refused, NotMeasured)
    assert "0.49" in refused.reason
    assert ranking(small, threshold=0.4) == ("best",)
    assert isinstance(ranking(replace(start, gap=NotMeasured("no retrained model given"))), NotMeasured)


def test_without_a_reference_or_a_number_there_is_no_rank() -> None:
    start = board(best=never_met)
    assert isinstance(ranking(replace(start, rows=start.rows[1:])), NotMeasured)
    missing = replace(start.rows[2], metrics={**start.rows[2].metrics, "general": NotMeasured("no")})
    assert ranking(replace(start, rows=(*start.rows[:2], missing))) == NotMeasured(
        "not measured for all methods: best: general"
    )


def seeds(*values: float) -> list[Row]:
    return [
        Row("x", {"memory_rouge": Score(v, v - 0.03, v + 0.04, 50)}, 10.0 + i, 100.0 * i, i)
        for i, v in enumerate(values)
    ]


def test_the_mean_of_seeds_has_the_pooled_interval() -> None:
    (row,) = mean_rows(seeds(0.2, 0.3, 0.4))
    score = row.metrics["memory_rouge"]
    assert isinstance(score, Score)
    between = 1.959964**2 * (1 + 1 / 3) * 0.01  # the variance of .2 .3 .4 is .01
    assert score.value == pytest.approx(0.3)
    assert score.low == pytest.approx(0.3 - math.sqrt(0.03**2 + between))
    assert score.high == pytest.approx(0.3 + math.sqrt(0.04**2 + between))
    assert score.n == 50
    assert (row.seconds, row.peak_rss_mb, row.notes) == (11.0, 200.0, ("mean of seeds 0, 1, 2",))


def test_equal_seeds_keep_their_interval_and_no_interval_leaves_the_range() -> None:
    score = mean_rows(seeds(0.3, 0.3))[0].metrics["memory_rouge"]
    assert isinstance(score, Score)
    assert (score.low, score.high) == pytest.approx((0.27, 0.34))
    wide = mean_rows(seeds(0.05, 0.95))[0].metrics["memory_rouge"]
    assert isinstance(wide, Score)
    assert (wide.low, wide.high) == (0.0, 1.0)


def test_one_seed_stays_as_it_is_and_order_stays() -> None:
    rows = [*seeds(0.2), replace(seeds(0.1)[0], method="a"), replace(seeds(0.4)[0], seed=5)]
    assert [row.method for row in mean_rows(rows)] == ["x", "a"]
    assert mean_rows(rows)[1] is rows[1]


def test_what_one_seed_lacks_or_notes_is_said() -> None:
    one, two = seeds(0.2, 0.3)
    lacking = replace(two, metrics={"memory_rouge": NotMeasured("no")}, notes=("destroyed",), guarantee="suppression")
    (row,) = mean_rows([one, lacking])
    assert row.metrics["memory_rouge"] == NotMeasured("seed 1: no")
    assert row.notes == ("mean of seeds 0, 1", "destroyed (seed 1)")
    assert row.guarantee == "suppression"
