"""The catalogue of methods, found by file name: each file here holds one dataclass with a ``recipe()``.

Nothing of a method is imported before it is asked for: what the catalogue tells is read from the source, so it
answers at once and without torch. ``benign.methods.SMFA`` imports ``smfa.py`` and is the class.
"""

from __future__ import annotations

from typing import Any

from benign.methods.catalogue import PUBLIC as _PUBLIC
from benign.methods.catalogue import Entry as Entry
from benign.methods.catalogue import Setting as Setting
from benign.methods.catalogue import Traits as Traits
from benign.methods.catalogue import Wish as Wish
from benign.methods.catalogue import describe as describe
from benign.methods.catalogue import entry as entry
from benign.methods.catalogue import find as find
from benign.methods.catalogue import names as names


def __getattr__(name: str) -> type[Any]:
    """``benign.methods.SMFA``: import the class on first use."""
    for known in describe():
        if name == known.type:
            return find(known.name)
    types = ", ".join(known.type for known in describe())
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; methods: {types}")


def __dir__() -> list[str]:
    return sorted({*_PUBLIC, *(known.type for known in describe())})
