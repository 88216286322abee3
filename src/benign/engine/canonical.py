"""Recipes as canonical JSON and back: a part is named by its file, its fields are its hyper-parameters."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import json
import math
from typing import Any

from benign.errors import UserError

_ROOMS = ("benign.parts.", "benign.engine.recipe", "benign.engine.compose", "benign.methods.")


def to_plain(value: Any) -> Any:
    """A value of dataclasses, tuples and scalars as JSON types; infinity becomes the string "inf"."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"part": f"{type(value).__module__}:{type(value).__name__}", **fields}
    if isinstance(value, tuple | list):
        return [to_plain(item) for item in value]
    if isinstance(value, float) and math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return value


def from_plain(value: Any) -> Any:
    """The inverse of :func:`to_plain`.

    Raises:
        UserError: A part is not one of benign's, or its fields do not fit.
    """
    if isinstance(value, list):
        return tuple(from_plain(item) for item in value)
    if value in ("inf", "-inf"):
        return float(value)
    if not isinstance(value, dict):
        return value
    fields = {name: from_plain(item) for name, item in value.items() if name != "part"}
    part = _part(str(value.get("part", "")))
    try:
        return part(**fields)
    except TypeError as error:
        raise UserError(str(error), where="recipe.json") from None


def dumps(value: Any) -> str:
    """Canonical JSON: sorted keys, two spaces, a newline at the end."""
    return json.dumps(to_plain(value), sort_keys=True, indent=2, ensure_ascii=False) + "\n"


def digest(*values: Any) -> str:
    """SHA-256 of the values' canonical JSON."""
    return hashlib.sha256(json.dumps(to_plain(values), sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _part(name: str) -> type:
    module, _, attribute = name.partition(":")
    if not module.startswith(_ROOMS):
        raise UserError(f"{name!r} is not a part of benign", where="recipe.json")
    try:
        part = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError):
        raise UserError(f"no part {name!r} in this version", where="recipe.json") from None
    if not dataclasses.is_dataclass(part) or not isinstance(part, type):
        raise UserError(f"{name!r} is not a part", where="recipe.json")
    return part
