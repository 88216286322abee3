"""The diagnostics, found by file: every class that is called as its file is."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module

from benign.audit import diagnostics
from benign.audit.diagnostics import Diagnostic
from benign.errors import unknown_name


def names() -> tuple[str, ...]:
    """The names of all diagnostics, sorted."""
    return tuple(sorted(_found()))


def find(name: str) -> Diagnostic:
    """A diagnostic with its default settings by its file's name.

    Raises:
        UserError: There is none.
    """
    if name not in _found():
        raise unknown_name("diagnostic", name, names())
    return _found()[name]()


def chosen(text: str) -> tuple[str, ...]:
    """The names in a list such as ``depth,lens``; ``all`` and ``none`` are what they say.

    Raises:
        UserError: One of them is unknown.
    """
    if text in ("all", "none"):
        return names() if text == "all" else ()
    asked = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in asked:
        if name not in _found():
            raise unknown_name("diagnostic", name, ("all", "none", *names()))
    return asked


@cache
def _found() -> dict[str, type[Diagnostic]]:
    found = {}
    for module in pkgutil.iter_modules(diagnostics.__path__):
        place = import_module(f"{diagnostics.__name__}.{module.name}")
        part = getattr(place, "".join(word.capitalize() for word in module.name.split("_")), None)
        if isinstance(part, type) and part.__module__ == place.__name__ and "__call__" in vars(part):
            found[module.name] = part
    return found
