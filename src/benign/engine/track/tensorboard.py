"""TensorBoard: event files that ``tensorboard --logdir`` shows; no service, no network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benign.engine.track import Run, Tracker, missing


def tracker(where: str) -> Tracker:
    """Event files in a folder per run below ``where``; below ``tensorboard/`` of the run's folder if it is empty."""
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        raise missing("tensorboard") from None
    return TensorBoard(where)


@dataclass
class TensorBoard:
    """Scalars ``STAGE/LOSS`` by step of the stage, ``scoreboard/COLUMN`` at the end, the recipe as hyper-parameters."""

    where: str = ""
    """The folder that ``tensorboard --logdir`` is given."""
    _writer: Any = field(default=None, init=False)
    _shown: dict[str, list[tuple[int, float]]] = field(default_factory=dict, init=False)

    def begin(self, run: Run) -> Mapping[str, int]:
        """Open the run's folder; what is there already is read from its event files."""
        from torch.utils.tensorboard import SummaryWriter
        from torch.utils.tensorboard.summary import hparams

        folder = (Path(self.where) if self.where else run.folder / "tensorboard") / f"{run.name}-{run.key[:8]}"
        fresh = not any(folder.glob("events.out.*"))
        self._shown = {} if fresh else _read(folder)
        self._writer = SummaryWriter(str(folder))
        if fresh:
            for summary in hparams(dict(run.settings), {}):
                self._writer.file_writer.add_summary(summary)
        # A kill can leave a step of which some series are written and others not.
        held: dict[str, int] = {}
        for tag in self._shown:
            stage = tag.partition("/")[0]
            held[stage] = min(held.get(stage, self._next(tag)), self._next(tag))
        return held

    def step(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        """One point per number that is not there yet."""
        for name, value in values.items():
            if step >= self._next(f"{stage}/{name}"):
                self._writer.add_scalar(f"{stage}/{name}", value, step)

    def conclude(self, numbers: Mapping[str, float]) -> None:
        """One point per column; another audit of the run adds a second point where the number differs."""
        for name, value in numbers.items():
            tag = f"scoreboard/{name}"
            points = self._shown.get(tag, [])
            # Event files hold float32.
            if not points or abs(points[-1][1] - value) > 1e-6 * max(1.0, abs(value)):
                self._writer.add_scalar(tag, value, len(points))

    def _next(self, tag: str) -> int:
        points = self._shown.get(tag)
        return points[-1][0] + 1 if points else 0

    def end(self) -> None:
        """Write out and close the file."""
        self._writer.close()


def _read(folder: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import SCALARS, EventAccumulator

    found = EventAccumulator(str(folder), size_guidance={SCALARS: 0})
    found.Reload()
    return {tag: [(e.step, e.value) for e in found.Scalars(tag)] for tag in found.Tags()[SCALARS]}
