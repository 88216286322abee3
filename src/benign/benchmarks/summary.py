"""A benchmark's scoreboard as a table that one reads: each method's mean over its seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benign.audit.score import Row, Scoreboard

SHOWN = {
    "memory_rouge": "memory ↓",
    "memory_paraphrased": "reworded ↓",
    "understanding_forget": "seeing, forgotten pictures ↑",
    "retained_memory": "kept memory ↑",
    "general": "general ↑",
    "refusal_retain": "refusals, kept ↓",
    "relearned_memory": "relearned ↓",
}
"""The columns, with their titles."""


def table(board: Scoreboard, shown: Mapping[str, str] = SHOWN) -> str:
    """A Markdown table with a line per method: the mean over its seeds, and the range where there are several.

    A column that any of a method's seeds lacks stays empty.

    Args:
        board: The rows of all methods and seeds.
        shown: The columns' titles by their names.
    """
    rows: dict[str, list[Row]] = {}
    for row in board.rows:
        rows.setdefault(row.method, []).append(row)
    lines = [f"| | {' | '.join(shown.values())} | seconds | seeds |", f"|---|{'---|' * (len(shown) + 2)}"]
    for method, found in rows.items():
        cells = [_cell([row.value(name) for row in found]) for name in shown]
        seconds = sum(row.seconds for row in found) / len(found)
        lines.append(f"| `{method}` | {' | '.join(cells)} | {seconds:.0f} | {len({row.seed for row in found})} |")
    return "\n".join(lines) + "\n"


def _cell(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if len(known) < len(values) or not known:
        return ""
    mean = f"{sum(known) / len(known):.2f}"
    low, high = f"{min(known):.2f}", f"{max(known):.2f}"
    return mean if low == high else f"{mean} ({low} to {high})"
