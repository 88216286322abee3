"""What a run cost: wall clock, and the largest resident memory seen while it ran."""

from __future__ import annotations

import threading
import time
from types import TracebackType

import psutil


class Meter:
    """A context that measures ``seconds`` and ``peak_rss_mb`` (sampled every 50 ms, so a run's own peak and not the
    process' highest since it started)."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.peak_rss_mb = 0.0
        self._done = threading.Event()
        self._process = psutil.Process()

    def __enter__(self) -> Meter:
        self._start = time.monotonic()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()
        self._look()
        self.seconds = time.monotonic() - self._start

    def _watch(self) -> None:
        while not self._done.wait(0.05):
            self._look()

    def _look(self) -> None:
        self.peak_rss_mb = max(self.peak_rss_mb, self._process.memory_info().rss / 2**20)
