"""Where a run's numbers can be watched: one protocol, one file per tracker, found by its name.

A tracker gets numbers, the names of stages and losses, and the recipe's settings; never a word, a picture or a path of
the user's records. What it shows is read off ``log.jsonl``, which stays the record of a run.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol

from benign.errors import UserError, unknown_name

Setting = str | int | float | bool


@dataclass(frozen=True)
class Run:
    """What a tracker is told of a run before its first step."""

    name: str
    """Method and seed, for a list of runs."""
    key: str
    """The run's identity: model, data, recipe, seed and version. The same key is the same run, resumed or repeated."""
    settings: Mapping[str, Setting]
    """The recipe's hyper-parameters, by their place in it."""
    folder: Path
    """The run's folder, where a tracker that was given no place keeps its files."""


class Tracker(Protocol):
    """Shows a run's numbers somewhere."""

    def begin(self, run: Run) -> Mapping[str, int]:
        """Open the run, or open it again, and tell how many steps of each stage are already there.

        Raises:
            UserError: The place cannot be reached or written.
        """
        ...

    def step(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        """Take one step's numbers; steps of a stage come in order, and none twice."""
        ...

    def conclude(self, numbers: Mapping[str, float]) -> None:
        """Take the scoreboard's numbers, by column."""
        ...

    def end(self) -> None:
        """Write out what is left and close the run."""
        ...


def tracker(track: str | Tracker) -> Tracker:
    """A tracker by ``NAME`` or ``NAME:WHERE``, or the one that was made already.

    Raises:
        UserError: There is no such tracker, or its library is not installed.
    """
    if not isinstance(track, str):
        return track
    name, _, where = track.partition(":")
    known = [module.name for module in pkgutil.iter_modules(__path__)]
    if name not in known:
        raise unknown_name("tracker", name, known, where="--track")
    made: Tracker = import_module(f"{__name__}.{name}").tracker(where)
    return made


def missing(name: str) -> UserError:
    """The error for a tracker whose library is not installed."""
    return UserError(f"{name} is not installed", where="--track", fix=f"pip install 'benign[{name}]'")
