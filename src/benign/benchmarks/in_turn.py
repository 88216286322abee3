"""Requests to forget that come one after another: each is met on the model that the last one left.

Source: the sustainability protocol of MUSE (arXiv 2407.06460).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from benign.audit.run import Candidate
from benign.data.record import Data
from benign.engine.place import claimed
from benign.engine.recipe import Method
from benign.engine.result import Result
from benign.engine.serve import Served
from benign.engine.train import Report
from benign.engine.unlearn import unlearn
from benign.errors import UserError
from benign.models.delta import Delta, load_delta
from benign.models.load import Model, load
from benign.models.save import save


@runtime_checkable
class InTurn(Protocol):
    """A benchmark whose settings are how many requests were met."""

    def met(self) -> tuple[Data, ...]:
        """What a method may use for each request, the first one first."""
        ...


def forgotten(
    original: str, requests: Sequence[Data], method: Method, *, name: str, seed: int, chain: Path, report: Report
) -> Candidate:
    """Meet the requests in turn; those that were met before, by a shorter row too, are not met again.

    Args:
        original: The model that the first request finds.
        requests: What the method may use for each.
        method: The same one for all.
        name: What the result is called in scoreboards.
        seed: The same one for all.
        chain: A folder for the runs (``1``, ``2``, ...) and for the models in between (``1-model``, ...).
        report: Called as (what, done, total) while work goes on.

    Returns:
        The system after the last request, with the cost of all of them.

    Raises:
        UserError: The method leaves no change of the weights that the next request could start from.
    """
    seconds = peak = 0.0
    # Rows that are run at the same time share their first requests.
    with claimed(chain, wait=True):
        model = load(original)
        for number, data in enumerate(requests, 1):
            result = unlearn(
                model, data, method=method, out=chain / str(number), seed=seed, name=name, progress=report
            )  # fmt: skip
            seconds, peak = seconds + result.seconds, max(peak, result.peak_rss_mb)
            delta = _change(result, model)
            if number < len(requests):
                model = _next(model, delta, chain / f"{number}-model")
    return Candidate(name, Served(model, (delta,)), seconds, peak, seed, result.guarantee, result)


def _change(result: Result, model: Model) -> Delta:
    if result.adapter is None:
        raise UserError(
            "it leaves no change of the weights for the next request to start from",
            where=result.method,
            fix="take a method that changes weights",
        )
    return load_delta(result.adapter, model)


def _next(model: Model, delta: Delta, place: Path) -> Model:
    """The model with the change in its weights, written once."""
    folder = place.with_name(f"{place.name}-{delta.digest[:12]}")
    if not (folder / "config.json").exists():
        save(model, folder, delta=delta)
    return load(str(folder))
