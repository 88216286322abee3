"""``log.jsonl``: each step's losses. Numbers and stage names only, never a word of the user's records."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Log:
    """An append-only file that a resumed run takes back to the step it resumes from, so that it ends up the same."""

    path: Path
    follower: Callable[[str, int, Mapping[str, float]], None] | None = None
    """Told every step that is written, as it is written."""

    def step(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        """Append one step's numbers."""
        # Seven digits, as float32 has; a learning rate of 1e-7 is not 0.
        numbers = {name: float(f"{value:.7g}") for name, value in values.items()}
        line = json.dumps({"stage": stage, "step": step, **numbers})
        with self.path.open("a", encoding="utf-8") as out:
            out.write(line + "\n")
        if self.follower is not None:
            self.follower(stage, step, numbers)

    def rewind(self, stage: str, step: int) -> None:
        """Drop a stage's lines from ``step`` on, and a line that a kill left unfinished."""
        if not self.path.exists():
            return
        lines = self.path.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if line.endswith("}") and _before(json.loads(line), stage, step)]
        self.path.write_text("".join(line + "\n" for line in kept), encoding="utf-8")


def _before(line: Mapping[str, float | str], stage: str, step: int) -> bool:
    return line["stage"] != stage or int(line["step"]) < step
