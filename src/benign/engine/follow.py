"""A tracker follows a run's log: each step once, also over kills, and what it missed is told from the log."""

from __future__ import annotations

import dataclasses
import json
import types
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from benign.engine import canonical
from benign.engine.recipe import Recipe
from benign.engine.result import Result
from benign.engine.track import Run, Setting, Tracker, tracker
from benign.errors import UserError


class Follower:
    """Tells a tracker the steps that it does not have yet.

    A resumed run takes the same steps again from its checkpoint on, with the same numbers: those are not told twice. A
    tracker that fails while a run goes on does not stop the run.
    """

    def __init__(self, told: Tracker, run: Run) -> None:
        self._tracker = told
        self._held = dict(told.begin(run))
        self._failure = ""

    def step(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        """Tell one step, unless it was told before."""
        if self._failure or step < self._held.get(stage, 0):
            return
        try:
            self._tracker.step(stage, step, values)
        except Exception as error:  # noqa: BLE001 - hours of training are worth more than a curve of them
            self._failure = f"{type(error).__name__}: {' '.join(str(error).split())}"
        else:
            self._held[stage] = step + 1

    def catch_up(self, log: str) -> None:
        """Tell the finished lines of a ``log.jsonl``."""
        for line in log.splitlines():
            if line.endswith("}"):
                values = json.loads(line)
                self.step(str(values.pop("stage")), int(values.pop("step")), values)

    def end(self) -> None:
        """Close the tracker's run.

        Raises:
            UserError: The tracker failed on the way; the run itself did not.
        """
        if not self._failure:
            try:
                self._tracker.end()
            except Exception as error:  # noqa: BLE001 - as above
                self._failure = f"{type(error).__name__}: {' '.join(str(error).split())}"
        if self._failure:
            raise UserError(
                f"the tracker failed, the run did not: {self._failure}",
                where="--track",
                fix="run the same command again: it tells what is missing",
            )


@contextmanager
def followed(track: str | Tracker | None, run: Run) -> Iterator[Follower | None]:
    """A follower for the time of the context; None where nobody tracks."""
    if track is None:
        yield None
        return
    follower = Follower(tracker(track), run)
    try:
        yield follower
    except BaseException:
        # What was told so far is kept; the run's own failure is the one to report.
        with suppress(UserError):
            follower.end()
        raise
    follower.end()


def conclude(result: Result, track: str | Tracker, numbers: Mapping[str, float]) -> None:
    """Tell a tracker the scoreboard's numbers of a finished run, beside the run's steps.

    Raises:
        UserError: There is no such tracker, or it cannot be reached.
    """
    recipe = canonical.from_plain(json.loads((result.folder / "recipe.json").read_text(encoding="utf-8")))
    key = json.loads((result.folder / "run.json").read_text(encoding="utf-8"))["key"]
    told = tracker(track)
    told.begin(described(recipe, result.method, key, result.seed, result.folder))
    told.conclude(numbers)
    told.end()


def described(recipe: Recipe, name: str, key: str, seed: int, folder: Path) -> Run:
    """What a tracker is told of a run."""
    return Run(f"{name}-{seed}", key, {"seed": seed, **settings(recipe)}, folder)


def settings(recipe: Recipe) -> dict[str, Setting]:
    """The recipe's hyper-parameters, flat, by their place in it: ``mfa.forget.weight``.

    Numbers, switches, choices among fixed words and the parts' own names. Free text (a pool of answers, a template, a
    path) could quote a record or name a user's file, so only its presence is told.
    """
    found: dict[str, Setting] = {}
    for stage in recipe.stages:
        found |= dict(_flat(stage, stage.name, type(stage)))
    return found


def _flat(value: Any, place: str, hint: Any) -> Iterator[tuple[str, Setting]]:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield place, type(value).__name__
        hints = get_type_hints(type(value))
        for field in dataclasses.fields(value):
            inside = getattr(value, field.name)
            if field.name != "name":
                inner = place if field.name == "terms" else f"{place}.{field.name}"
                yield from _flat(inside, inner, hints[field.name])
    elif isinstance(value, tuple | list):
        yield from _members(value, place, hint)
    elif isinstance(value, bool | int | float):
        yield place, value
    elif value is None:
        yield place, "none"
    else:
        yield place, value if value in _choices(hint) else "(text)" if value else ""


def _members(values: Sequence[Any], place: str, hint: Any) -> Iterator[tuple[str, Setting]]:
    if values and all(isinstance(value, str) for value in values):
        known = all(value in _choices(hint) for value in values)
        yield place, ", ".join(values) if known else f"({len(values)} texts)"
        return
    for i, value in enumerate(values):
        yield from _flat(value, f"{place}.{getattr(value, 'name', i)}", hint)


def _choices(hint: Any) -> set[Any]:
    """The fixed words that a field's type allows, wherever in it."""
    if get_origin(hint) is Literal:
        return set(get_args(hint))
    if get_origin(hint) in (Union, types.UnionType, tuple, list):
        return set().union(*(_choices(inner) for inner in get_args(hint)))
    return set()
