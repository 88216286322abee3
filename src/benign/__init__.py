"""benign: forget what you must, keep everything else.

``load`` a model, ``read`` the records, ``unlearn``, ``audit``. Nothing heavy is imported before it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from benign.errors import NotMeasured as NotMeasured
from benign.errors import UserError as UserError

if TYPE_CHECKING:
    from benign import methods as methods
    from benign.audit.run import audit as audit
    from benign.data.read import read as read
    from benign.engine.compose import compose as compose
    from benign.engine.unlearn import unlearn as unlearn
    from benign.models.load import load as load

__version__ = "0.1.0"
__all__ = ["NotMeasured", "UserError", "__version__", "audit", "compose", "load", "methods", "read", "unlearn"]

_ROOMS = ("audit", "methods")
"""Rooms that are public names themselves; ``benign.audit`` is the function too, see there."""
_HOMES = {
    "compose": "benign.engine.compose",
    "load": "benign.models.load",
    "read": "benign.data.read",
    "unlearn": "benign.engine.unlearn",
}


def __getattr__(name: str) -> object:
    """Import a public name where it lives, on first use."""
    if name in _ROOMS:
        return import_module(f"benign.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'benign' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
