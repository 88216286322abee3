"""docs/audit.md names every column that a scoreboard can have, with its metric, its range and when it lies."""

from __future__ import annotations

import inspect
import math
import re

import pytest

from benign.audit import catalogue as metrics
from benign.audit.attack_columns import OLDER, PREFIX
from benign.audit.attacks import catalogue as attacks
from benign.audit.caveats import CAVEATS
from benign.audit.columns import COLUMNS
from benign.audit.diagnostics import catalogue as diagnostics
from benign.audit.views import ALL_VIEWS
from benign.benchmarks import catalogue as benchmarks
from benign.report.columns_page import BEGIN, PAGE, main, metric_of, written

TEXT = PAGE.read_text(encoding="utf-8")
# A metric may be called like one of its columns, and its line stands below.
LINES = dict(reversed(re.findall(r"^\| \**`(\w+)`\**([^\n]*)$", TEXT.partition(BEGIN)[2], re.MULTILINE)))


def test_the_page_is_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    assert written(TEXT) == TEXT, "run python -m benign.report.columns_page"
    assert main(["--check"]) == 0
    stale = TEXT.replace("| `memory_exact` Memory, exact", "| `memory_exact` Memory, false")
    assert stale != TEXT and written(stale) == TEXT
    with pytest.raises(ValueError, match="has no"):
        written("a page without marks")


def test_every_column_in_the_code_is_on_the_page() -> None:
    names = {c.name for c in COLUMNS}
    names |= {OLDER.get(name, f"{PREFIX}{name}") for name in attacks.names()}
    names |= {f"diagnostic_{name}" for name in diagnostics.names()}
    for name in benchmarks.names():
        suite = benchmarks.find(name)
        names |= {c.name for s in suite.settings[:1] + suite.usual for c in suite.protocol(s).columns}
    assert len(names) > 150
    assert names <= LINES.keys()


def test_a_line_says_range_direction_and_needs_as_the_code_has_them() -> None:
    for column in COLUMNS:
        metric = metric_of(column)
        if metric is None:
            assert column.section == "attack"
            continue
        line = LINES[column.name]
        assert column.title in line and column.meaning in line and f"`{metric.__name__}`" in line
        ends = [f"{x:g}" if math.isfinite(x) else "∞" for x in column.bounds]
        assert re.search(
            rf"\| -?{re.escape(ends[0].lstrip('-'))} to {ends[1]} [{'↓' if column.better == 'lower' else '↑'}] \|", line
        )
        needed = {"reference": "the original model", "retrained": "the retrained model", "judge": "a judge"}
        for need, words in needed.items():
            assert (need in inspect.signature(metric).parameters) == (
                words in line.rpartition(" | `")[0].rpartition(" | ")[2]
            ), (
                column.name,
                need,
            )


def test_every_metric_behind_a_column_has_a_caveat_and_no_caveat_is_left_over() -> None:
    used = {metric.__name__ for c in COLUMNS if (metric := metric_of(c))}
    assert used <= CAVEATS.keys()
    assert CAVEATS.keys() <= used | set(metrics.names())
    for name, told in CAVEATS.items():
        assert told[0].isupper() and told.endswith("."), name


def test_conventions_and_views_are_on_the_page() -> None:
    """Each metric that takes a convention is in the table of them, by itself or by what it is made of."""
    table = TEXT.partition("| metric | what differs |")[2].partition("\n\n")[0].lower()
    switched = {n for n in metrics.names() if "convention" in inspect.signature(metrics.find(n)).parameters}
    named = {
        "truth_ratio": "truth ratio", "forget_quality": "truth ratio", "forget_quality_log10": "truth ratio",
        "distribution_similarity": "truth ratio", "model_utility": "truth ratio", "membership_auc": "membership",
        "membership_tpr": "membership", "privleak": "privleak", "extraction_strength": "extraction strength",
        "rouge": "rouge",
    }  # fmt: skip
    assert switched == set(named)
    assert all(word in table for word in named.values())
    for convention in ("paper", "open_unlearning", "muse", "rwku"):
        assert f"`{convention}`" in table
    for view in ALL_VIEWS:
        assert f"`{view.name}`" in TEXT.partition(BEGIN)[0]
