"""The model families: the only place that knows the module names of an architecture.

One file per family, each with one ``FAMILY``; a new file is found by its name.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from benign.models.families.family import Family


@cache
def families() -> dict[str, Family]:
    """Every known family by the ``config.model_type`` that it covers."""
    found: dict[str, Family] = {}
    for entry in pkgutil.iter_modules(__path__):
        family = getattr(importlib.import_module(f"{__name__}.{entry.name}"), "FAMILY", None)
        if isinstance(family, Family):
            found.update(dict.fromkeys(family.model_types, family))
    return found
