"""The composition study: what is in git is what its recipes say, and the tables rank by what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from benches.experiments.compose import recipes, table
from benign.audit.score import Row, Score, Scoreboard
from benign.benchmarks.experiment import read_experiments
from benign.benchmarks.results import load_measured

HERE = Path(recipes.__file__).parent


def row(name: str, **values: float) -> Row:
    return Row(name, {key: Score(value, value, value, 9) for key, value in values.items()}, 0.0, 0.0, 0)


ORIGINAL = row("original", memory_rouge=1.0, memory_paraphrased=1.0, understanding_forget=0.9, retained_memory=1.0)


def test_the_experiments_in_git_are_the_recipes_and_were_measured() -> None:
    experiments = read_experiments(HERE)
    for world in recipes.BASE:
        made = {e.name: e.method for e in experiments if e.benchmark == world}
        assert made == recipes.recipes(world), "run benches/experiments/compose/recipes.py"
    assert len({experiment.name for experiment in experiments}) >= 30
    for experiment in experiments:
        measured = load_measured(table.RESULTS, experiment)
        assert [(found.setting, found.row.seed) for found in measured] == [(10, 0)], experiment.name


@pytest.mark.parametrize(
    ("found", "missing"),
    [
        (row("a", memory_rouge=0.02, memory_paraphrased=0.05, understanding_forget=0.882, retained_memory=0.98), 0.0),
        (row("b", memory_rouge=0.10, memory_paraphrased=0.05, understanding_forget=0.9, retained_memory=1.0), 0.08),
        (row("c", memory_rouge=0.0, memory_paraphrased=0.0, understanding_forget=0.9, retained_memory=0.58), 0.40),
        (row("d", memory_rouge=0.0, memory_paraphrased=0.0, understanding_forget=0.382, retained_memory=0.9), 0.50),
        (row("e", memory_rouge=0.0, retained_memory=0.98), 0.0),
    ],
)
def test_what_is_missing_is_the_largest_distance_from_a_goal(found: Row, missing: float) -> None:
    assert table.shortfall(found, ORIGINAL) == pytest.approx(missing)


def test_the_table_ranks_by_what_is_missing() -> None:
    rows = [row("poor", memory_rouge=0.5), row("good", memory_rouge=0.0), row("fair", memory_rouge=0.1)]
    lines = table.table({"memory_rouge": "memory ↓"}, rows, Scoreboard("m", "b", (ORIGINAL,), None))
    assert lines[2:] == [
        "| `original` | 1.00 |  |",
        "| `good` | 0.00 | 0.00 |",
        "| `fair` | 0.10 | 0.08 |",
        "| `poor` | 0.50 | 0.48 |",
    ]
