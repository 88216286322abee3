"""The metrics, found by file: every public function of ``metrics/`` that needs observations and returns a score."""

from __future__ import annotations

import inspect
import pkgutil
from functools import cache
from importlib import import_module

from benign.audit import metrics
from benign.audit.sources import NEEDS, Function
from benign.errors import unknown_name

_RETURNS = "Score | NotMeasured"


def names() -> tuple[str, ...]:
    """The names of all metrics, sorted."""
    return tuple(sorted(_found()))


def find(name: str) -> Function:
    """A metric by its function's name.

    Raises:
        UserError: There is none.
    """
    if name not in _found():
        raise unknown_name("metric", name, names())
    return _found()[name]


@cache
def _found() -> dict[str, Function]:
    found: dict[str, Function] = {}
    for module in pkgutil.iter_modules(metrics.__path__):
        place = import_module(f"{metrics.__name__}.{module.name}")
        for name, function in inspect.getmembers(place, inspect.isfunction):
            if function.__module__ == place.__name__ and not name.startswith("_") and _is_metric(function):
                found[name] = function
    return found


def _is_metric(function: Function) -> bool:
    """Whether all that it must be given are needs, so that whoever measures can give them."""
    signature = inspect.signature(function)
    required = [p.name for p in signature.parameters.values() if p.default is p.empty]
    return bool(required) and set(required) <= NEEDS and signature.return_annotation == _RETURNS
