"""A benchmark's table: means over seeds, by hand."""

from benign.audit.columns import COLUMNS
from benign.audit.score import Row, Score, Scoreboard
from benign.benchmarks.summary import SHOWN, table
from benign.errors import NotMeasured


def row(method: str, seed: int, memory: float, relearned: float | None) -> Row:
    metrics = {name: Score(0.5, 0.5, 0.5, 10) for name in SHOWN}
    metrics["memory_rouge"] = Score(memory, memory, memory, 10)
    found: dict[str, Score | NotMeasured] = {**metrics}
    if relearned is None:
        found["relearned_memory"] = NotMeasured("no attack")
    return Row(method, found, seconds=10.0 + seed, peak_rss_mb=1.0, seed=seed)


def test_its_columns_are_the_scoreboards() -> None:
    assert set(SHOWN) <= {column.name for column in COLUMNS}


def test_means_and_ranges_over_the_seeds() -> None:
    rows = (row("original", 0, 1.0, 0.5), row("idk", 0, 0.1, 0.5), row("idk", 1, 0.3, 0.5), row("idk", 2, 0.2, None))
    lines = table(Scoreboard("m", "b", rows)).splitlines()
    assert len(lines) == 4
    assert lines[2].startswith("| `original` | 1.00 | 0.50 |") and lines[2].endswith("| 10 | 1 |")
    cells = [cell.strip() for cell in lines[3].split("|")]
    assert cells[1:4] == ["`idk`", "0.20 (0.10 to 0.30)", "0.50"]
    assert cells[1 + list(SHOWN).index("relearned_memory") + 1] == ""
    assert cells[-3:-1] == ["11", "3"]
    assert len({line.count("|") for line in lines}) == 1
