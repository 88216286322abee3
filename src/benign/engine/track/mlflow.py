"""MLflow: a tracking server, or a SQLite file that ``mlflow ui --backend-store-uri`` shows."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benign.engine.track import Run, Tracker, missing
from benign.errors import UserError

_EXPERIMENT = "benign"
_KEY = "benign.key"
_EVERY_SECONDS = 5.0
_EVERY_NUMBERS = 500
"""The server takes 1000 numbers at a time. What a kill loses is told again from the log."""
_PARAMETERS_AT_ONCE = 100


def tracker(where: str) -> Tracker:
    """A server's address, or a SQLite file; ``MLFLOW_TRACKING_URI``, or a file in the run's folder, if it is empty."""
    # Nothing about anybody's run goes to MLflow's makers.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    try:
        import mlflow  # noqa: F401
    except ImportError:
        raise missing("mlflow") from None
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    return MLflow(where)


@dataclass
class MLflow:
    """Metrics ``STAGE/LOSS`` by step of the stage, ``scoreboard/COLUMN`` at the end, the recipe as parameters.

    Only the client is used: it adds no user, no command line and no source file to the run.
    """

    where: str = ""
    """A server's address or a SQLite file."""
    _client: Any = field(default=None, init=False)
    _run: str = field(default="", init=False)
    _waiting: list[Any] = field(default_factory=list, init=False)
    _sent: float = field(default=0.0, init=False)

    def begin(self, run: Run) -> Mapping[str, int]:
        """Open the run that carries the key, or make one, in the experiment ``benign``."""
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException

        address, files = self._address(run)
        try:
            self._client = MlflowClient(tracking_uri=address)
            experiment = self._experiment(files)
            known = self._client.search_runs([experiment], filter_string=f"tags.`{_KEY}` = '{run.key}'")
            self._run = known[0].info.run_id if known else self._made(experiment, run)
            self._client.update_run(self._run, status="RUNNING")
            self._sent = time.monotonic()
            return self._held(known[0].data.metrics) if known else {}
        except MlflowException as error:
            reason = " ".join(str(error).split())
            raise UserError(f"MLflow: {reason}", where="--track", fix=f"is {address} right?") from None

    def step(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        """Metrics of one step, sent every few seconds."""
        self._wait(values, stage, step)
        if len(self._waiting) >= _EVERY_NUMBERS or time.monotonic() - self._sent > _EVERY_SECONDS:
            self._send()

    def conclude(self, numbers: Mapping[str, float]) -> None:
        """One metric per column."""
        self._send()
        self._wait(numbers, "scoreboard", 0)
        self._send()

    def end(self) -> None:
        """Send what waits and mark the run as finished."""
        self._send()
        self._client.set_terminated(self._run)

    def _address(self, run: Run) -> tuple[str, str | None]:
        """The tracking address, and where the experiment's files would be (none are written)."""
        where = self.where or os.environ.get("MLFLOW_TRACKING_URI", "") or str(run.folder / "mlflow.db")
        if "://" in where or where.startswith("file:"):
            return where, None
        path = Path(where).absolute()
        path.parent.mkdir(parents=True, exist_ok=True)
        return f"sqlite:///{path}", path.with_suffix(".files").as_uri()

    def _experiment(self, files: str | None) -> str:
        found = self._client.get_experiment_by_name(_EXPERIMENT)
        made: str = found.experiment_id if found else self._client.create_experiment(_EXPERIMENT, files)
        return made

    def _made(self, experiment: str, run: Run) -> str:
        from mlflow.entities import Param

        made: str = self._client.create_run(experiment, tags={_KEY: run.key}, run_name=run.name).info.run_id
        parameters = [Param(name, str(value)) for name, value in run.settings.items()]
        for start in range(0, len(parameters), _PARAMETERS_AT_ONCE):
            self._client.log_batch(made, params=parameters[start : start + _PARAMETERS_AT_ONCE])
        return made

    def _held(self, metrics: Mapping[str, float]) -> dict[str, int]:
        held: dict[str, int] = {}
        for name in metrics:
            stage, _, number = name.partition("/")
            if number == "gradient_norm":
                history = self._client.get_metric_history(self._run, name)
                held[stage] = max(metric.step for metric in history) + 1
        return held

    def _wait(self, values: Mapping[str, float], stage: str, step: int) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self._waiting += [Metric(f"{stage}/{name}", value, now, step) for name, value in values.items()]

    def _send(self) -> None:
        if self._waiting:
            self._client.log_batch(self._run, metrics=self._waiting)
            self._waiting = []
        self._sent = time.monotonic()
