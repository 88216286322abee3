"""A comparison's words, table and picture say what its numbers say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from audit import worlds
from benign.audit.comparison import Comparison, Side, compare
from benign.report.compare import absent, forest, listing, names, rows, words, write_comparison

MANY = 14
COLUMNS = ("memory_rouge", "understanding_forget", "general", "meaningful")


def compared(one: worlds.Says, other: worlds.Says, *, people: int = MANY) -> Comparison:
    sides = [Side(says.__name__, (worlds.observations(says, people=people),)) for says in (one, other)]
    return compare(*sides, columns=COLUMNS)


@pytest.mark.parametrize(
    ("one", "other", "headline"),
    [
        (worlds.never_met, worlds.knows, "never_met forgets more; no difference in keeping is shown"),
        (worlds.knows, worlds.never_met, "never_met forgets more; no difference in keeping is shown"),
        (worlds.never_met, worlds.blind, "never_met keeps more; no difference in forgetting is shown"),
        (worlds.blind, worlds.knows, "blind forgets more, knows keeps more"),
        (worlds.babbles, worlds.knows, "babbles forgets more, knows keeps more and is healthier"),
        (worlds.half, worlds.half, "No difference between A (half) and B (half) is shown"),
    ],
)
def test_the_headline_says_who_is_better_at_what(one: worlds.Says, other: worlds.Says, headline: str) -> None:
    assert words(compared(one, other)).headline == headline


def test_the_sentences_name_the_columns_and_what_they_rest_on() -> None:
    found = compared(worlds.blind, worlds.knows)
    said = words(found).sentences
    assert said[0] == "Forgetting: blind is better on 1 of 1 columns (“Memory, ROUGE-L”)."
    assert said[1].startswith(
        "Keeping: knows is better on 1 of 2 columns (“Seeing, forgotten pictures”); no difference"
    )
    assert any(f"the same {found.n} questions; 4 columns" in sentence for sentence in said)


def test_too_few_subjects_are_said_and_nobody_wins() -> None:
    found = compared(worlds.never_met, worlds.knows, people=4)
    assert words(found).headline.startswith("No difference")
    assert any("Too few subjects (down to 4)" in s and "Memory, ROUGE-L" in s for s in words(found).sentences)
    assert not any("Too few" in sentence for sentence in words(compared(worlds.never_met, worlds.knows)).sentences)


def test_the_table_has_the_numbers_and_the_winner() -> None:
    memory, seeing, *_ = rows(compared(worlds.never_met, worlds.blind))
    assert (memory.a, memory.b, memory.difference, memory.winner, memory.corrected) == (
        "0.00", "0.00", "0.00", "", "1.00"
    )  # fmt: skip
    assert (seeing.a, seeing.b, seeing.winner) == ("1.00", "0.00", "never_met")
    assert seeing.p == "under 0.001" and seeing.interval == "1.00 to 1.00"


def test_the_picture_is_turned_so_that_the_first_is_better_to_the_right() -> None:
    def dots(picture: str) -> list[float]:
        marks = re.findall(
            r'<use href="[^"]*" x="([\d.]+)" y="[\d.]+" style="fill: var\(--(?:accent|bad|muted)', picture
        )
        return [float(x) for x in marks]

    there = forest(compared(worlds.never_met, worlds.knows))
    back = forest(compared(worlds.knows, worlds.never_met))
    right, (left, middle, *_) = dots(there)[0], dots(back)
    assert left < middle < right
    assert "knows is better" in back and "never_met is better" in back


def test_the_page_is_one_file_that_escapes_what_it_is_given(tmp_path: Path) -> None:
    one, other = (worlds.observations(says) for says in (worlds.half, worlds.blind))
    found = compare(Side("<b>a", (one,)), Side("b", (other,)), columns=("memory_rouge", "memory_choice"))
    page = write_comparison(found, tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<b>a" not in page and "&lt;b&gt;a" in page
    assert "http" not in page.replace("http-equiv", "")
    assert "Not compared" in page and page.count("<svg") == 1 and "retrained</th>" not in page
    assert names(found) == ("<b>a", "b")


def beside(one: worlds.Says, other: worlds.Says, ideal: worlds.Says, columns: tuple[str, ...]) -> Comparison:
    """The same comparison where both audits had a retrained model, which answers by ``ideal``."""
    made = [worlds.observations(says, people=MANY) for says in (one, other, ideal, worlds.knows)]
    sides = [Side(s.__name__, (seen,), made[3], made[2]) for s, seen in zip((one, other), made[:2], strict=True)]
    return compare(*sides, columns=columns)


def test_less_than_the_retrained_model_earns_nothing_and_is_said() -> None:
    found = beside(worlds.babbles, worlds.knows, worlds.half, ("memory_rouge", "retained_memory"))
    memory, kept = found.lines
    assert memory.goal is not None and 0.1 < memory.goal < 0.9
    assert memory.beyond == ("a",) and kept.beyond == ()
    assert any(
        s.startswith("babbles is below the retrained model on “Memory, ROUGE-L”") for s in words(found).sentences
    )
    heads, lines = listing(found)
    assert heads[3] == "retrained" and lines[0][3] == rows(found)[0].goal != "-"
    plain = compared(worlds.babbles, worlds.knows)
    assert not any("below the retrained" in s for s in words(plain).sentences) and "retrained" not in listing(plain)[0]
    # Two audits with two retrained models have no common goal.
    one, other = (worlds.observations(says, people=MANY) for says in (worlds.half, worlds.knows))
    sides = Side("a", (one,), one, one), Side("b", (other,), one, other)
    assert [line.goal for line in compare(*sides, columns=("memory_rouge",)).lines] == [None]


def test_membership_shows_its_goal_and_counts_for_neither_where_both_are_there() -> None:
    sides = [Side(name, (worlds.observations(says, people=MANY),)) for name, says in
             (("one", worlds.never_met), ("other", worlds.knows), ("third", worlds.blind))]  # fmt: skip
    (apart,) = rows(compare(sides[0], sides[1], columns=("membership_auc",)))
    assert (apart.better, apart.a, apart.b, apart.winner) == ("→ 0.50", "0.50", "1.00", "one")
    (same,) = rows(compare(sides[0], sides[2], columns=("membership_auc",)))
    assert same.neutral and same.winner == ""


def test_what_compares_with_the_original_is_compared_too() -> None:
    found = beside(worlds.babbles, worlds.knows, worlds.half, ("over_forgetting",))
    (row,) = rows(found)
    assert (row.b, row.winner) == ("0.00", "knows") and float(row.a) > 0.5
    assert [a.reason for a in absent(compare(*sides_of(worlds.babbles), columns=("over_forgetting",)))] == [
        "no original model given"
    ]


def sides_of(says: worlds.Says) -> tuple[Side, Side]:
    seen = worlds.observations(says, people=MANY)
    return Side("a", (seen,)), Side("b", (seen,))


def test_refusing_counts_for_no_side_and_is_told() -> None:
    found = beside(worlds.blind, worlds.never_met, worlds.half, ("refusal_forget", "general"))
    refusals, general = rows(found)
    assert (refusals.neutral, refusals.winner, refusals.better) == (True, "", "")
    assert listing(found)[1][0][-1] == "counts for neither" and not general.neutral
    assert any("blind declines 100" in s and "one way to forget" in s for s in words(found).sentences)
    # The mark of what counts for nobody is hollow.
    assert "fill: none" in forest(found)


def test_sections_stand_apart_in_the_picture() -> None:
    picture = forest(compared(worlds.never_met, worlds.knows))
    marks = re.findall(r'y="([\d.]+)" style="fill: var\(--(?:accent|bad|muted)', picture)
    steps = [b - a for a, b in zip(map(float, marks), list(map(float, marks))[1:], strict=False)]
    forget_to_keep, inside_keep, keep_to_health = steps[-3:]
    assert forget_to_keep == pytest.approx(keep_to_health) and forget_to_keep == pytest.approx(
        1.6 * inside_keep, rel=0.01
    )
