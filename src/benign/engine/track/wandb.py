"""Weights & Biases: a project on its server, or with ``WANDB_MODE=offline`` files that ``wandb sync`` sends later."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from benign.engine.track import Run, Tracker, missing
from benign.errors import UserError


def tracker(where: str) -> Tracker:
    """A project's name; ``benign`` if it is empty."""
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    try:
        import wandb  # noqa: F401
    except ImportError:
        raise missing("wandb") from None
    return WandB(where)


@dataclass
class WandB:
    """Series ``STAGE/LOSS`` over ``STAGE/step``, ``scoreboard/COLUMN`` in the summary, the recipe as configuration.

    The library would also send the command line, the git state, the source file, the terminal's text and the machine:
    all of that is switched off. An offline run that is resumed is written anew from its first step under the same
    id: send the last one.
    """

    where: str = ""
    """The project."""
    _run: Any = field(default=None, init=False)

    def begin(self, run: Run) -> Mapping[str, int]:
        """Open the run whose id is the key's beginning, in the run's folder."""
        import wandb

        offline = os.environ.get("WANDB_MODE", "") in ("offline", "dryrun")
        settings = wandb.Settings(
            console="off",
            disable_code=True,
            disable_git=True,
            disable_job_creation=True,
            save_code=False,
            silent=True,
            x_disable_meta=True,
            x_disable_machine_info=True,
            x_disable_stats=True,
        )
        try:
            self._run = wandb.init(
                project=self.where or "benign",
                id=run.key[:32],
                name=run.name,
                config=dict(run.settings),
                dir=run.folder,
                resume=None if offline else "allow",
                settings=settings,
            )
        except wandb.Error as error:
            reason = " ".join(str(error).split())
            fix = "wandb login, or set WANDB_MODE=offline"
            raise UserError(f"Weights & Biases: {reason}", where="--track", fix=fix) from None
        known = {} if offline else dict(self._run.summary)
        return {name.removesuffix("/step"): int(v) + 1 for name, v in known.items() if name.endswith("/step")}

    def step(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        """One point per number, over the stage's own steps."""
        if step == 0:
            self._run.define_metric(f"{stage}/*", step_metric=f"{stage}/step")
        self._run.log({f"{stage}/step": step, **{f"{stage}/{name}": value for name, value in values.items()}})

    def conclude(self, numbers: Mapping[str, float]) -> None:
        """The columns in the run's summary."""
        self._run.summary.update({f"scoreboard/{name}": value for name, value in numbers.items()})

    def end(self) -> None:
        """Write out and close."""
        self._run.finish()
