"""A benchmark's scoreboard as a table that one reads: each method's mean over its seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benign.audit.score import ORIGINAL, RETRAINED, Row, Scoreboard

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
    rows = _by_method(board)
    lines = [f"| | {' | '.join(shown.values())} | seconds | seeds |", f"|---|{'---|' * (len(shown) + 2)}"]
    for method, found in rows.items():
        cells = [_cell([row.value(name) for row in found]) for name in shown]
        seconds = sum(row.seconds for row in found) / len(found)
        lines.append(f"| `{method}` | {' | '.join(cells)} | {seconds:.0f} | {len({row.seed for row in found})} |")
    return "\n".join(lines) + "\n"


def in_turn(boards: Mapping[int, Scoreboard], shown: Mapping[str, str]) -> str:
    """A Markdown table of requests that came one after another: a line per method and number of requests met.

    Args:
        boards: The scoreboards by how many requests were met.
        shown: The columns' titles by their names.
    """
    lines = [f"| | requests | {' | '.join(shown.values())} | seeds |", f"|---|{'---|' * (len(shown) + 2)}"]
    tables = {met: _by_method(board) for met, board in sorted(boards.items())}
    for method in dict.fromkeys(method for table_ in tables.values() for method in table_):
        for met, table_ in tables.items():
            found = table_.get(method, [])
            cells = [_cell([row.value(name) for row in found]) for name in shown]
            number = 0 if method == ORIGINAL else "" if method == RETRAINED else met
            if found:
                lines.append(f"| `{method}` | {number} | {' | '.join(cells)} | {len({row.seed for row in found})} |")
            if method in (ORIGINAL, RETRAINED):
                break
    return "\n".join(lines) + "\n"


def _by_method(board: Scoreboard) -> dict[str, list[Row]]:
    rows: dict[str, list[Row]] = {}
    for row in board.rows:
        rows.setdefault(row.method, []).append(row)
    return rows


def _cell(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if len(known) < len(values) or not known:
        return ""
    mean = f"{sum(known) / len(known):.2f}"
    low, high = f"{min(known):.2f}", f"{max(known):.2f}"
    return mean if low == high else f"{mean} ({low} to {high})"
