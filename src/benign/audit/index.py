"""``observed.json``: which of an audit's observations are whose, so that they can be read again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benign.audit.chunks import load_chunk
from benign.audit.observation import Observation, Observations
from benign.data.atomic import write_text
from benign.errors import UserError

INDEX = "observed.json"
_AGAIN = "run the same audit again: what is cached is not asked again"


@dataclass(frozen=True)
class Observed:
    """One system of an audit and where its observations are."""

    method: str
    """As the scoreboard calls it."""
    seed: int
    key: str
    """The name of the folder below ``observations/``."""
    n: int
    """How many observations there are."""


def save_index(folder: Path, entries: Sequence[Observed]) -> None:
    """Write the index into an audit's folder."""
    text = json.dumps({"systems": [asdict(entry) for entry in entries]}, sort_keys=True, indent=2)
    write_text(folder / INDEX, f"{text}\n")


def load_index(folder: Path) -> tuple[Observed, ...]:
    """The systems that an audit observed.

    Raises:
        UserError: The folder is no audit's, or one of a version that kept no index.
    """
    path = folder / INDEX
    try:
        return tuple(Observed(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))["systems"])
    except FileNotFoundError:
        raise UserError("no audit's observations here: the file is missing", where=str(path), fix=_AGAIN) from None
    except (ValueError, LookupError, TypeError):
        raise UserError("not an index of observations", where=str(path), fix=_AGAIN) from None


def load_observations(folder: Path, entry: Observed) -> Observations:
    """One system's observations from an audit's folder.

    Raises:
        UserError: A file is missing or damaged.
    """
    rows: list[Observation] = []
    place = folder / "observations" / entry.key
    index = 0
    while len(rows) < entry.n:
        chunk = load_chunk(place, index)
        if not chunk:
            raise UserError(f"{len(rows)} of {entry.n} observations are left", where=str(place), fix=_AGAIN)
        rows += chunk
        index += 1
    return Observations(tuple(rows))
