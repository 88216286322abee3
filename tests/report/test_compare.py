"""A comparison's words, table and picture say what its numbers say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from audit import worlds
from benign.audit.comparison import Comparison, Side, compare
from benign.report.compare import forest, names, rows, words, write_comparison

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
    assert "not measured: " in page and page.count("<svg") == 1
    assert names(found) == ("<b>a", "b")
