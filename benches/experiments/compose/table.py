"""The composition study as tables in Markdown, the best first; ``python benches/experiments/compose/table.py``.

A recipe's score is its worst shortfall from what Benign is to reach, relearning aside: 0 meets it all.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from benign.audit.score import Row, Scoreboard
from benign.benchmarks.experiment import read_experiments
from benign.benchmarks.results import load_measured, load_references

HERE = Path(__file__).parent
RESULTS = HERE.parents[1] / "results" / "compose"
PICTURES = {
    "memory_rouge": "memory ↓",
    "memory_paraphrased": "in other words ↓",
    "memory_text": "by name ↓",
    "understanding_forget": "seeing, forgotten pictures ↑",
    "retained_memory": "kept, by picture ↑",
    "retained_text": "kept, by name ↑",
    "general": "general ↑",
    "relearned_memory": "relearned ↓",
}
TEXT = {
    "memory_rouge": "memory ↓",
    "memory_paraphrased": "in other words ↓",
    "retained_memory": "kept ↑",
    "neighbour_memory": "real authors ↑",
    "general": "world facts ↑",
    "relearned_memory": "relearned ↓",
}
SHOWN = {"smllmun": PICTURES, "tofu": TEXT}
AT_MOST = {"memory_rouge": 0.02, "memory_paraphrased": 0.05}
AT_LEAST = {"understanding_forget": 0.98, "retained_memory": 0.98}
"""Of the original's."""


def shortfall(row: Row, original: Row) -> float:
    """The largest distance from a goal, 0 where all are met; goals that were not measured do not count."""
    above = [value - most for name, most in AT_MOST.items() if (value := row.value(name)) is not None]
    below = [
        share * (original.value(name) or 0.0) - value
        for name, share in AT_LEAST.items()
        if (value := row.value(name)) is not None
    ]
    return max(0.0, *above, *below)


def table(board: Mapping[str, str], rows: list[Row], references: Scoreboard) -> list[str]:
    """Head, reference rows and recipes."""
    original = next(row for row in references.rows if row.method == "original")
    ordered = sorted(rows, key=lambda row: (shortfall(row, original), row.method))
    lines = ["| recipe | " + " | ".join(board.values()) + " | shortfall |", "|---" * (len(board) + 2) + "|"]
    for row in (*references.rows, *ordered):
        numbers = ["" if (value := row.value(name)) is None else f"{value:.2f}" for name in board]
        missing = "" if row in references.rows else f"{shortfall(row, original):.2f}"
        lines.append(f"| `{row.method}` | {' | '.join(numbers)} | {missing} |")
    return lines


def main() -> None:
    """Print both tables."""
    rows: dict[str, list[Row]] = {name: [] for name in SHOWN}
    for experiment in read_experiments(HERE):
        rows[experiment.benchmark].extend(found.row for found in load_measured(RESULTS, experiment))
    for name, columns in SHOWN.items():
        sys.stdout.write("\n".join(table(columns, rows[name], load_references(RESULTS, name)[10])) + "\n\n")


if __name__ == "__main__":
    main()
