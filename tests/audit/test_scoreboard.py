from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from audit.worlds import Says, babbles, blind, knows, never_met, observations
from benign.audit.columns import COLUMNS
from benign.audit.observation import Observations
from benign.audit.score import DESTROYED, Row, Score, Scoreboard
from benign.audit.scoreboard import as_json, judge_row, load, measured_gap, save
from benign.errors import NotMeasured, UserError

ORIGINAL, RETRAINED = observations(knows), observations(never_met)


@cache
def board() -> Scoreboard:
    rows = (
        judge_row("original", ORIGINAL, guarantee="none"),
        judge_row("retrained", RETRAINED, original=ORIGINAL, guarantee="exact"),
        judge_row(
            "smfa", observations(blind), original=ORIGINAL, retrained=RETRAINED, seconds=61.5, seed=3, notes=("k=5",)
        ),
    )
    return Scoreboard("embedded:vlm", "test", rows, measured_gap(ORIGINAL, RETRAINED))


def test_a_row_has_every_column_as_a_score_or_a_reason() -> None:
    row = judge_row("smfa", observations(blind), seconds=2.0, peak_rss_mb=30.0, seed=7)
    assert set(row.metrics) == {column.name for column in COLUMNS}
    assert (row.method, row.seconds, row.peak_rss_mb, row.seed, row.judge) == ("smfa", 2.0, 30.0, 7, "rules-1")
    assert row.metrics["relearned_memory"] == NotMeasured("the attack was not run")
    assert row.value("memory_rouge") == 0.0
    assert row.value("relearned_memory") is None


def test_attacks_are_filled_in_and_unknown_ones_kept() -> None:
    relearned, other = Score(0.7, 0.6, 0.8, 10), NotMeasured("too slow")
    row = judge_row("x", ORIGINAL, attacks={"relearned_memory": relearned, "quantized_memory": other})
    assert row.metrics["relearned_memory"] == relearned
    assert row.metrics["quantized_memory"] == other


def test_the_judge_is_asked_once_per_answer() -> None:
    class Strict:
        name, parallel = "strict", 1

        def __init__(self) -> None:
            self.asked: set[tuple[str, ...]] = set()

        def fact(self, *case: str) -> float:
            assert case not in self.asked
            self.asked.add(case)
            return 5.0

        meaningful = fact

    row = judge_row("x", ORIGINAL, original=ORIGINAL, judge=Strict())
    assert row.judge == "strict"
    assert row.value("overall_understanding") == 5.0


@pytest.mark.parametrize("says", [babbles, lambda s, k, r, a: "I don't know." if s == "retain" else a])
def test_a_destroyed_model_is_called_so(says: Says) -> None:
    row = judge_row("ga", observations(says), original=ORIGINAL, retrained=RETRAINED, notes=("first",))
    assert row.notes[:2] == ("first", DESTROYED)


def test_a_model_that_still_remembers_is_called_so_and_a_clean_one_is_not() -> None:
    assert judge_row("none", ORIGINAL, original=ORIGINAL, retrained=RETRAINED).notes == (
        "still remembers 1.00 more than a retrained model",
    )
    assert judge_row("good", RETRAINED, original=ORIGINAL, retrained=RETRAINED).notes == ()
    assert judge_row("original", ORIGINAL, original=ORIGINAL, retrained=RETRAINED).notes == ()


def test_the_gap_needs_both_models() -> None:
    gap = measured_gap(ORIGINAL, RETRAINED)
    assert isinstance(gap, Score)
    assert (gap.value, gap.n) == (1.0, 8), "only image memory as it is"
    assert measured_gap(ORIGINAL, None) == NotMeasured("no retrained model given")
    assert isinstance(measured_gap(Observations(), RETRAINED), NotMeasured)


def test_the_file_is_the_contract(tmp_path: Path) -> None:
    save(board(), tmp_path / "scoreboard.json")
    content = json.loads((tmp_path / "scoreboard.json").read_text())
    assert {"model", "benchmark", "rows"} <= set(content)
    row = content["rows"][2]
    assert {"method", "metrics", "seconds", "peak_rss_mb", "seed"} <= set(row)
    assert all(isinstance(number, float) for number in row["metrics"].values())
    assert "memory_choice" not in row["metrics"]
    assert row["not_measured"]["memory_choice"] == "no questions with options"
    assert row["intervals"].keys() == row["metrics"].keys()
    assert (row["seconds"], row["seed"], row["guarantee"], row["notes"]) == (61.5, 3, "weights", ["k=5"])
    assert content["gap"]["value"] == 1.0


def test_what_is_saved_is_loaded_and_saves_to_the_same_bytes(tmp_path: Path) -> None:
    one, two = tmp_path / "one.json", tmp_path / "two.json"
    save(board(), one)
    loaded = load(one)
    assert loaded == replace(board(), rows=loaded.rows)
    assert [dict(row.metrics) for row in loaded.rows] == [dict(row.metrics) for row in board().rows]
    save(loaded, two)
    assert one.read_bytes() == two.read_bytes()
    nothing = Scoreboard("m", "b", ())
    save(nothing, one)
    assert load(one) == nothing


def test_the_order_of_the_metrics_does_not_change_the_file(tmp_path: Path) -> None:
    row = Row("x", {"a": Score(0.1, 0.0, 0.2, 3), "b": Score(0.3, 0.0, 1.0, 3), "c": NotMeasured("no")}, 0.0, 0.0, 0)
    turned = replace(row, metrics=dict(reversed(list(row.metrics.items()))))
    for name, given in (("one", row), ("two", turned)):
        save(Scoreboard("m", "b", (given,)), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_foreign_scoreboard_with_the_bare_contract_is_read(tmp_path: Path) -> None:
    row = {"method": "peer", "metrics": {"memory_rouge": 0.25}, "seconds": 1, "peak_rss_mb": 2, "seed": 0}
    (tmp_path / "s.json").write_text(json.dumps({"model": "m", "benchmark": "b", "rows": [row]}))
    loaded = load(tmp_path / "s.json")
    assert loaded.rows[0].metrics == {"memory_rouge": Score(0.25, 0.25, 0.25, 0)}
    assert isinstance(loaded.gap, NotMeasured)


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", '{"rows": 3}', '{"model": "m", "benchmark": "b", "rows": [{}]}', "\xff"]
)
def test_a_damaged_file_is_one_line(tmp_path: Path, damage: str) -> None:
    (tmp_path / "s.json").write_bytes(damage.encode("latin-1"))
    with pytest.raises(UserError, match="not a scoreboard"):
        load(tmp_path / "s.json")
    with pytest.raises(UserError, match="no such file"):
        load(tmp_path / "t.json")


def test_no_number_that_is_none_is_written() -> None:
    broken = Scoreboard("m", "b", (Row("x", {"a": Score(float("nan"), 0, 0, 1)}, 0.0, 0.0, 0),))
    with pytest.raises(ValueError, match="JSON"):
        save(broken, Path("never"))
    assert as_json(board())["rows"][0]["method"] == "original"
