"""The best is marked among those who may win, and what is missing has its reason beneath."""

from __future__ import annotations

from dataclasses import replace

from benign.audit.columns import COLUMNS
from benign.audit.score import Scoreboard
from benign.errors import NotMeasured
from benign.report.table import MAIN, best_of, tables
from benign.report.tradeoff import outcomes
from tests.report.pages import method_row, row, score, scoreboard


def best(name: str, board: Scoreboard) -> set[str]:
    return set(best_of(name, outcomes(board)))


def small(**values: float) -> Scoreboard:
    """A scoreboard of one column, ``memory_rouge``, by method."""
    rows = tuple(row(method, memory_rouge=value) for method, value in values.items())
    return Scoreboard("toy", "", rows, score(0.9))


def test_less_is_best_where_less_is_better() -> None:
    assert best("memory_rouge", small(original=0.9, a=0.3, b=0.2)) == {"b"}


def test_more_is_best_where_more_is_better() -> None:
    assert best("understanding_forget", scoreboard()) == {"smfa_self_answers"}


def test_a_destroyed_model_is_not_marked() -> None:
    board = scoreboard("original", "retrained", "grad_ascent", "smfa", "npo")
    assert board.row("grad_ascent").value("relearned_memory") == 0.06  # type: ignore[union-attr]
    assert best("relearned_memory", board) == {"npo"}


def test_the_references_are_not_marked() -> None:
    assert best("memory_rouge", small(original=0.9, retrained=0.04, a=0.3, b=0.2)) == {"b"}


def test_less_than_the_retrained_model_earns_nothing() -> None:
    assert best("memory_rouge", small(retrained=0.04, a=0.0, b=0.04, c=0.06)) == {"a", "b"}


def test_numbers_that_look_alike_are_best_together() -> None:
    assert best("memory_rouge", small(a=0.201, b=0.203, c=0.3)) == {"a", "b"}


def test_nobody_is_marked_where_all_are_alike() -> None:
    assert best("memory_rouge", small(a=0.2, b=0.2)) == set()


def test_the_compact_table_has_its_columns_in_order() -> None:
    main = tables(scoreboard())[0]
    assert tuple(head.name for head in main.heads) == MAIN
    assert [line.title for line in main.lines][:2] == ["original model", "retrained model"]


def test_every_column_with_a_number_is_in_exactly_one_table() -> None:
    names = [head.name for table in tables(scoreboard()) for head in table.heads]
    assert sorted(names) == sorted({c.name for c in COLUMNS} - {"neighbour_memory"})


def test_a_missing_number_points_to_its_reason() -> None:
    main = tables(scoreboard())[0]
    line = next(line for line in main.lines if line.method == "kl_min")
    cell = line.cells[MAIN.index("relearned_memory")]
    assert cell.text == ""
    assert main.footnotes[cell.footnote - 1] == "the attack ended in a loss that is no number"


def test_different_reasons_have_different_footnotes_and_equal_ones_share() -> None:
    rows = [method_row("original")]
    for name, reason in (("a", "no power"), ("b", "no disk"), ("c", "no power")):
        made = method_row("smfa")
        rows.append(replace(made, method=name, metrics={**made.metrics, "general": NotMeasured(reason)}))
    main = tables(Scoreboard("toy", "", tuple(rows), score(0.9)))[0]
    assert main.footnotes == ("no power", "no disk")
    assert [line.cells[MAIN.index("general")].footnote for line in main.lines] == [0, 1, 2, 1]


def test_a_foreign_number_has_no_interval() -> None:
    made = replace(row("a"), metrics={"memory_rouge": replace(score(0.2), n=0), "home_made": score(0.4)})
    main, other = tables(Scoreboard("toy", "", (made,), score(0.9)))
    assert main.lines[0].cells[0].interval == ""
    assert other.lines[0].cells[0].interval == "0.38 to 0.42"
    assert other.heads[0].title == "home_made" and other.heads[0].better == ""
