"""A benchmark that takes a second, and a grid of it as a process: ``python -m tests.benchmarks.tiny MODEL PLACE N``."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from benign.audit.column import Column
from benign.audit.run import Settings
from benign.audit.score import Row
from benign.benchmarks.grid import Cell, How, references, run_grid
from benign.benchmarks.summary import SHOWN
from benign.data.record import Data
from benign.engine.recipe import Method, Optim
from benign.methods.grad_ascent import GradAscent
from benign.methods.idk import IDK
from benign.methods.npo import NPO
from tests import toys

OPTIM = Optim(lr=1e-2, epochs=None, steps=4)
METHODS: dict[str, Method] = {"idk": IDK(optim=OPTIM), "npo": NPO(optim=OPTIM)}
FAILS: Method = GradAscent(optim=Optim(lr=1e30, epochs=None, steps=4))


@dataclass(frozen=True)
class Tiny:
    """The toy world as a benchmark, with a model of one's own."""

    original: str
    retrained: str | None = None
    name: str = "tiny"
    max_new_tokens: ClassVar[int] = 3
    choices: ClassVar[tuple[str, ...]] = ("forget",)
    columns: ClassVar[tuple[Column, ...]] = ()
    shown: ClassVar[Mapping[str, str]] = SHOWN

    def data(self) -> Data:
        return toys.data()

    def evaluation(self) -> Data:
        return toys.data()


def how(workers: int = 1) -> How:
    return How(Settings(most=None, attacks=()), workers)


def cells(model: str, place: Path, *, failing: bool = False, seeds: int = 2) -> list[Cell]:
    methods = METHODS | ({"grad_ascent": FAILS} if failing else {})
    return [Cell(Tiny(model), place, name, method, seed) for name, method in methods.items() for seed in range(seeds)]


def main(model: str, place: Path, workers: int) -> None:
    def report(what: str, done: int, total: int) -> None:
        print(what, done, total, flush=True)

    def done(cell: Cell, row: Row) -> None:
        print("done", cell, flush=True)

    grid = cells(model, place, failing=True)
    references(grid[0].bench, place, how(), report)
    failures = run_grid(grid, how(workers), done=done, report=report)
    print(json.dumps({str(failure.cell): failure.error for failure in failures}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
