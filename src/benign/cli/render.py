"""What a command shows: progress with rate and time left on stderr, tables or JSON on stdout."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benign.errors import NotMeasured

if TYPE_CHECKING:
    from benign.audit.score import Scoreboard

Report = Callable[[str, int, int], None]
PLAIN_EVERY_SECONDS = 5.0


@contextlib.contextmanager
def work(*, quiet: bool = False) -> Iterator[Report]:
    """A callback (what, done, total) that shows progress on stderr while the block runs.

    Whatever the rooms below print by mistake goes to stderr too: stdout belongs to the outcome.
    """
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    with contextlib.redirect_stdout(sys.stderr):
        if quiet:
            yield _silent
        elif sys.stderr.isatty():
            with _bars() as report:
                yield report
        else:
            yield PlainProgress()


def _silent(what: str, done: int, total: int) -> None:
    """Show nothing."""


@contextlib.contextmanager
def _bars() -> Iterator[Report]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

    columns = (
        SpinnerColumn(finished_text=" "),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}", markup=False),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        tasks: dict[str, Any] = {}

        def report(what: str, done: int, total: int) -> None:
            task = tasks.get(what)
            if task is None or progress.tasks[progress.task_ids.index(task)].completed > done:
                task = tasks[what] = progress.add_task(what, total=total, completed=done, rate="")
            speed = progress.tasks[progress.task_ids.index(task)].speed
            progress.update(task, completed=done, total=total, rate=rate(speed or 0.0))

        yield report


class PlainProgress:
    """Progress as lines, for logs: one when a phase begins, one when it ends, and one every few seconds between."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._what = ""
        self._began = (0.0, 0)
        self._said = 0.0
        self._done = 0

    def __call__(self, what: str, done: int, total: int) -> None:
        """Write a line if it is time for one."""
        now = self._clock()
        new = what != self._what or done < self._done
        self._done = done
        if new:
            self._what, self._began = what, (now, done)
        if new or done == total or now - self._said >= PLAIN_EVERY_SECONDS:
            self._said = now
            sys.stderr.write(f"{self._line(now, done, total)}\n")
            sys.stderr.flush()

    def _line(self, now: float, done: int, total: int) -> str:
        seconds, steps = now - self._began[0], done - self._began[1]
        if steps <= 0 or seconds <= 0:
            return f"{self._what}: {done}/{total}"
        speed = steps / seconds
        left = f"took {duration(seconds)}" if done >= total else f"{duration((total - done) / speed)} left"
        return f"{self._what}: {done}/{total}, {rate(speed)}, {left}"


def rate(per_second: float) -> str:
    """A speed in the unit that reads best; empty for none."""
    if per_second <= 0:
        return ""
    return f"{per_second:.1f}/s" if per_second >= 1 else f"{1 / per_second:.1f} s each"


def duration(seconds: float) -> str:
    """A span of time as a person says it."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def plain(value: Any) -> Any:
    """A value of dataclasses, paths and containers as JSON types; what is not a finite number becomes a word."""
    if isinstance(value, NotMeasured):
        return {"not_measured": value.reason}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return str(value) if isinstance(value, Path) else value


def emit(outcome: Any) -> None:
    """Print the outcome as JSON on stdout."""
    print(json.dumps(plain(outcome), indent=2, ensure_ascii=False, allow_nan=False))


def say(text: str) -> None:
    """Print a line for a person on stdout."""
    print(text)


def warn(text: str) -> None:
    """Print a line for a person on stderr."""
    sys.stderr.write(f"{text}\n")


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: bool = False) -> None:
    """Print a table on stdout; with ``numbers``, all columns but the first stand to the right."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=SIMPLE_HEAD, pad_edge=False)
    for place, column in enumerate(columns):
        shown.add_column(Text(column), justify="right" if numbers and place else "left", overflow="fold")
    for row in rows:
        shown.add_row(*(Text(cell) for cell in row))
    Console(highlight=False, width=None if sys.stdout.isatty() else 120).print(shown)


def scoreboard(board: Scoreboard) -> None:
    """Print a scoreboard: a line per number, a column per result, and the words that must stand beside them."""
    from benign.audit.attack_columns import attack_column
    from benign.audit.columns import COLUMNS, column
    from benign.audit.diagnostic_columns import INSIDE

    heads = [row.method if _once(board, row.method) else f"{row.method} #{row.seed}" for row in board.rows]
    known = {column.name: column for column in COLUMNS if not column.more}
    tried = dict.fromkeys(name for row in board.rows for name in row.metrics if name not in known)
    known |= {column.name: column for column in INSIDE}
    known |= {name: attack for name in tried if (attack := attack_column(name))}
    names = [name for name in known if any(row.value(name) is not None for row in board.rows)]
    marks = {"lower": "↓", "higher": "↑"}
    lines = [
        [f"{known[name].title} {marks[known[name].better]}", *(_number(row.value(name)) for row in board.rows)]
        for name in names
    ]
    own = dict.fromkeys(
        name for row in board.rows for name in row.metrics if name not in known and column(name) is None
    )
    lines += [[name, *(_number(row.value(name)) for row in board.rows)] for name in own]
    lines.append(["seconds", *(f"{row.seconds:.0f}" for row in board.rows)])
    table(["", *heads], lines, numbers=True)
    gap = board.gap if isinstance(board.gap, NotMeasured) else f"{board.gap.value:.2f}"
    say(f"memorisation gap: {gap}")
    for head, row in zip(heads, board.rows, strict=True):
        for note in row.notes:
            say(f"{head}: {note}")


def _once(board: Scoreboard, method: str) -> bool:
    return sum(row.method == method for row in board.rows) == 1


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
