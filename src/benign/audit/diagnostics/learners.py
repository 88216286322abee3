"""scikit-learn, an extra: only the diagnostics that train a small classifier need it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from benign.errors import UserError


def learners(part: str) -> Any:
    """A module of scikit-learn, such as ``linear_model``.

    Raises:
        UserError: It is not installed.
    """
    try:
        import sklearn
    except ImportError as error:
        fix = "pip install 'benign[probe]'"
        raise UserError("this diagnostic needs scikit-learn", where="diagnostics", fix=fix) from error
    return import_module(f"{sklearn.__name__}.{part}")
