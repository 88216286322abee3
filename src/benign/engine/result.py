"""A finished run, read from its folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benign.errors import UserError


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
        """The guard's folder (a filter at inference time; the weights are the original's), or None."""
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
        UserError: It is not a run's folder, or the run is not finished.
    """
    place = Path(folder)
    mark = _json(place / "run.json")
    if not mark["finished"]:
        raise UserError(
            "this run is not finished", where=str(place), fix="run the same unlearn command again to resume it"
        )
    cost = _json(place / "provenance.json")["cost"]
    return Result(
        folder=place,
        method=str(mark["method"]),
        seed=int(mark["seed"]),
        seconds=float(cost["seconds"]),
        peak_rss_mb=float(cost["peak_rss_mb"]),
        guarantee=str(cost["guarantee"]),
        facts=_json(place / "facts.json"),
    )


def _json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError("not a run's folder: the file is missing", where=str(path)) from None
    except ValueError:
        raise UserError("not valid JSON", where=str(path)) from None
    return content
