"""Two audits of a small world compared: the right side wins, the same side ties, what is unclear is asked back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from audit import worlds
from benign.audit.chunks import save_chunk
from benign.audit.columns import COLUMNS as ALL
from benign.audit.comparison import Comparison, Line, Side, as_json, compare, open_side
from benign.audit.index import Observed, load_index, load_observations, save_index
from benign.audit.judges.rules import RulesJudge
from benign.audit.observation import Observations
from benign.audit.paired import Paired
from benign.audit.score import Score
from benign.audit.sources import Sources
from benign.errors import NotMeasured, UserError

JUDGE = RulesJudge()
COLUMNS = {column.name: column for column in ALL}
SIDES = {name: getattr(worlds, name) for name in ("knows", "never_met", "blind", "half", "only_pictures")}


def side(name: str, **size: int) -> Side:
    return Side(name, (worlds.observations(SIDES[name], **size),))


def line(found: Comparison, name: str) -> Line:
    return next(line for line in found.lines if line.column.name == name)


def audited(folder: Path, *systems: tuple[str, int, Observations]) -> Path:
    for number, (_, _, rows) in enumerate(systems):
        for start in range(0, len(rows), 10):
            save_chunk(folder / "observations" / f"k{number}", start // 10, rows.items[start : start + 10])
    save_index(folder, [Observed(m, seed, f"k{i}", len(rows)) for i, (m, seed, rows) in enumerate(systems)])
    return folder


def test_who_forgets_more_wins_the_memory_columns_and_nothing_else() -> None:
    found = compare(side("never_met", people=9), side("knows", people=9), columns=("memory_rouge", "general"))
    memory, general = line(found, "memory_rouge"), line(found, "general")
    assert isinstance(memory.found, Paired) and isinstance(general.found, Paired)
    assert (memory.found.a, memory.found.b, memory.found.difference.value) == (0.0, 1.0, -1.0)
    # Nine subjects that all agree: 2 of 2^9 patterns; Holm doubles it, for there are two columns.
    assert memory.found.p == 2 / 2**9 and memory.corrected == 4 / 2**9
    assert (memory.winner, general.winner, general.corrected) == ("a", "neither", 1.0)
    back = compare(side("knows", people=9), side("never_met", people=9), columns=("memory_rouge", "general"))
    assert line(back, "memory_rouge").winner == "b"


def test_every_column_of_a_scoreboard_can_be_compared() -> None:
    found = compare(side("half"), side("blind"), columns=None)
    assert {line.column.section for line in found.lines} == {"forget", "keep", "health"}
    why = {line.column.name: line.found.reason for line in found.lines if isinstance(line.found, NotMeasured)}
    # No record here has options, wrong answers or a question about a stranger, and a side has no other model beside it.
    assert set(why) == {"memory_choice", "forget_quality", "model_utility"}
    for one in found.lines:
        if isinstance(one.found, Paired) and one.column.measure is not None:
            alone = one.column.measure(Sources(side("half").runs[0], judge=JUDGE))
            assert not isinstance(alone, NotMeasured)
            assert one.found.a == pytest.approx(alone.value)


def test_a_benchmarks_weighted_columns_are_compared_too() -> None:
    found = compare(side("never_met"), side("knows"), columns=("overall_memory",))
    [only] = found.lines
    assert isinstance(only.found, Paired) and only.found.difference.value == pytest.approx(10.0)


def test_a_system_ties_with_itself() -> None:
    found = compare(side("half"), side("half"))
    assert {line.winner for line in found.lines} == {"neither"}
    assert {line.found.p for line in found.lines if isinstance(line.found, Paired)} == {1.0}


def test_only_questions_that_both_were_asked_count_and_in_any_order() -> None:
    whole, turned = side("never_met"), side("knows").runs[0]
    part = Observations(tuple(reversed(turned.items))[:-7])
    found = compare(whole, Side("part", (part,)))
    assert (found.n, found.left_out) == (len(part), 7)
    kept = {o.key for o in part}
    same = compare(Side("cut", (whole.runs[0].only(lambda o: o.key in kept),)), Side("part", (part,)))
    assert as_json(found)["columns"] == as_json(same)["columns"]


def test_audits_of_other_records_are_not_compared() -> None:
    mine = side("knows")
    others = Observations(tuple(replace(o, record=f"other {o.record}") for o in mine.runs[0]))
    with pytest.raises(UserError, match="no question in common"):
        compare(mine, Side("others", (others,)))
    changed = Observations(tuple(replace(o, gold="another") for o in mine.runs[0]))
    with pytest.raises(UserError, match="different questions under the same ids"):
        compare(mine, Side("changed", (changed,)))


def test_membership_is_compared_and_whoever_is_told_apart_loses() -> None:
    names = ("membership_auc", "membership_certain")
    found = compare(side("never_met", people=9), side("knows", people=9), columns=names)
    auc, certain = (line(found, name) for name in names)
    assert isinstance(auc.found, Paired) and isinstance(certain.found, Paired)
    # All are as unlikely as those never met in one model, and told without fail in the other.
    assert (auc.found.a, auc.found.b, auc.found.clusters) == (0.5, 1.0, 18)
    assert (certain.found.a, certain.found.b) == (0.0, 1.0)
    assert (auc.winner, certain.winner) == ("a", "a")


@pytest.mark.parametrize(
    ("a", "b", "goal", "better", "winner"),
    [
        (0.5, 0.9, None, "lower", "a"),
        (0.9, 0.47, None, "lower", "b"),  # a little below chance is as good as chance
        (0.1, 0.5, None, "higher", "b"),  # turned round, a low one tells the members too
        (0.1, 0.3, None, "higher", "b"),
        (0.1, 0.9, None, "neither", "neither"),
        (0.49, 0.53, None, "neither", "neither"),
        (0.5, 0.3, 0.3, "lower", "b"),  # the retrained model's number is the goal where there is one
    ],
)
def test_the_goal_of_membership_lies_between_two_bad_ends(
    a: float, b: float, goal: float | None, better: str, winner: str
) -> None:
    column = COLUMNS["membership_auc"]
    found = Line(column, Paired(a, b, Score(a - b, a - b, a - b, 40), 1e-4, 40, 1e-4), 1e-3, goal)
    assert (found.better, found.winner) == (better, winner)
    memory = Line(COLUMNS["memory_rouge"], found.found, 1e-3, goal)
    assert (memory.better, memory.winner) == ("lower", "a" if a < b else "b")


def test_seeds_are_averaged() -> None:
    both = Side("both", (side("never_met").runs[0], side("knows").runs[0]))
    [memory] = compare(both, side("knows"), columns=("memory_rouge",)).lines
    assert isinstance(memory.found, Paired) and memory.found.a == 0.5


def test_an_unknown_column_and_an_attacks_are_refused() -> None:
    for name in ("memory_rogue", "relearned_memory"):
        with pytest.raises(UserError, match="--columns: unknown column"):
            compare(side("half"), side("half"), columns=(name,))


def test_observations_are_read_back_from_an_audits_folder(tmp_path: Path) -> None:
    rows = worlds.observations(worlds.half)
    audited(tmp_path, ("half", 0, rows))
    [entry] = load_index(tmp_path)
    assert load_observations(tmp_path, entry) == rows
    next((tmp_path / "observations" / "k0").glob("00001-*")).unlink()
    with pytest.raises(UserError, match=r"10 of \d+ observations are left.*run the same audit again"):
        load_observations(tmp_path, entry)


def test_a_side_is_a_folder_a_run_or_a_method_of_an_audit(tmp_path: Path) -> None:
    seeds = [worlds.observations(says) for says in (worlds.half, worlds.never_met)]
    original = worlds.observations(worlds.knows)
    single = audited(tmp_path / "run" / "audit", ("original", 0, original), ("smfa", 0, seeds[0]))
    (tmp_path / "run" / "run.json").write_text("{}")
    several = audited(tmp_path / "both", ("idk", 0, seeds[0]), ("idk", 1, seeds[1]), ("npo", 0, original))
    assert open_side(str(single)) == open_side(str(tmp_path / "run")) == Side("smfa", (seeds[0],), original)
    assert open_side(f"{several}:idk") == Side("idk", (seeds[0], seeds[1]))
    assert open_side(f"{several}:idk#1") == Side("idk#1", (seeds[1],))
    assert open_side(f"{single}:original") == Side("original", (original,), original)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("nowhere", "no such folder"),
        ("both", "about 2 methods.*both:idk"),
        ("both:ikd", "did you mean 'idk'"),
        ("both:idk#7", "no seed '7' of idk.*idk#0"),
        ("run", "not audited.*benign audit MODEL"),
        ("empty", "no audit's observations"),
        ("broken", "not an index"),
    ],
)
def test_what_cannot_be_a_side_says_what_to_give(
    word: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = worlds.observations(worlds.half)
    audited(Path("both"), ("idk", 0, rows), ("npo", 0, rows))
    audited(Path("broken"), ("idk", 0, rows))
    Path("broken/observed.json").write_text("[]")
    Path("empty").mkdir()
    Path("run").mkdir()
    Path("run/run.json").write_text("{}")
    with pytest.raises(UserError, match=said) as error:
        open_side(word)
    assert "\n" not in error.value.line()
