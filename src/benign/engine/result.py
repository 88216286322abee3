"""A finished run, read from its folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from benign.errors import UserError

Value = TypeVar("Value", bool, int, float, str)


@dataclass(frozen=True)
class Result:
    """What an unlearning run left behind."""

    folder: Path
    method: str
    seed: int
    seconds: float
    """Wall clock of all training and editing, also of stages taken from a cache."""
    peak_rss_mb: float
    guarantee: str
    facts: Mapping[str, Mapping[str, Mapping[str, float]]]
    """Per edit stage, per parameter: what the edit did, such as the share of masked entries; per guard stage, what
    fitting it told."""

    @property
    def adapter(self) -> Path | None:
        """The delta's folder (plain PEFT layout where its rank allows), or None where a whole model was written."""
        folder = self.folder / "adapter"
        return folder if folder.exists() else None

    @property
    def guard(self) -> Path | None:
        """The guard's folder, or None: a filter at inference time, before the adapter's weights or, where there is no
        adapter, the original's."""
        folder = self.folder / "guard"
        return folder if folder.exists() else None

    @property
    def model(self) -> Path | None:
        """The whole model's folder, where the method retrains."""
        folder = self.folder / "model"
        return folder if folder.exists() else None


def load_result(folder: str | Path) -> Result:
    """Read a run's folder.

    Raises:
        UserError: It is not a run's folder, the run is not finished, or one of its files is damaged.
    """
    place = Path(folder)
    mark = _Fields(place / "run.json")
    if not mark.get("finished", bool):
        raise UserError(
            "this run is not finished", where=str(place), fix="run the same unlearn command again to resume it"
        )
    cost = _Fields(place / "provenance.json").inside("cost")
    return Result(
        folder=place,
        method=mark.get("method", str),
        seed=mark.get("seed", int),
        seconds=cost.get("seconds", float),
        peak_rss_mb=cost.get("peak_rss_mb", float),
        guarantee=cost.get("guarantee", str),
        facts=_Fields(place / "facts.json").content,
    )


class _Fields:
    """A file's JSON object, whose fields are there or are named."""

    def __init__(self, path: Path, content: object = None) -> None:
        self.path = path
        found = _json(path) if content is None else content
        if not isinstance(found, dict):
            raise self._damaged("an object is expected")
        self.content: dict[str, Any] = found

    def get(self, name: str, kind: type[Value]) -> Value:
        """A field as a value of this type."""
        try:
            return kind(self.content[name])
        except (LookupError, TypeError, ValueError):
            raise self._damaged(f"{name} is missing or no {_KINDS[kind]}") from None

    def inside(self, name: str) -> _Fields:
        """A field that is an object."""
        found = self.content.get(name)
        if not isinstance(found, dict):
            raise self._damaged(f"{name} is missing or no object")
        return _Fields(self.path, found)

    def _damaged(self, what: str) -> UserError:
        return UserError(f"damaged: {what}", where=str(self.path), fix="run the same unlearn command again")


_KINDS: Mapping[type, str] = {bool: "yes or no", int: "whole number", float: "number", str: "text"}


def _json(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        fix = "give a folder that benign unlearn wrote"
        raise UserError("not a run's folder: the file is missing", where=str(path), fix=fix) from None
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=str(path)) from None
    except ValueError:
        raise UserError("not valid JSON", where=str(path), fix="run the same unlearn command again") from None
