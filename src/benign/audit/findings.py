"""What an attack found, on disk beside the observations, so that a resumed audit does not attack again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from benign.audit.attacks import Found
from benign.audit.chunks import load_chunk, save_chunk
from benign.audit.observation import Observation, Observations
from benign.audit.observe import CHUNK
from benign.audit.score import Score
from benign.data.atomic import write_text
from benign.errors import NotMeasured

FILE = "attack.json"


@dataclass(frozen=True)
class Finding:
    """The place of one attack's outcome: its score, and the answers that show it."""

    folder: Path
    """``observations/<key>``, where the key is the hash of all that the outcome depends on."""

    def read(self) -> Found | None:
        """The outcome; None where the attack has not ended, or a file is missing or damaged."""
        try:
            content = json.loads((self.folder / FILE).read_text(encoding="utf-8"))
            value, low, high = (float(content[name]) for name in ("value", "low", "high"))
            score = Score(value, low, high, int(content["n"]))
            wanted = int(content["evidence"])
        except (OSError, ValueError, LookupError, TypeError):
            return None
        rows: list[Observation] = []
        for index in range(-(-wanted // CHUNK)):
            rows += load_chunk(self.folder, index) or ()
        return Found(score, Observations(tuple(rows))) if len(rows) == wanted else None

    def write(self, found: Found) -> None:
        """Keep an outcome that has a number: why there is none may be another reason next time."""
        if isinstance(found.score, NotMeasured):
            return
        rows = tuple(found.evidence)
        for index in range(-(-len(rows) // CHUNK)):
            save_chunk(self.folder, index, rows[index * CHUNK : (index + 1) * CHUNK])
        score = {name: getattr(found.score, name) for name in ("value", "low", "high", "n")}
        write_text(self.folder / FILE, json.dumps({**score, "evidence": len(rows)}, sort_keys=True) + "\n")
