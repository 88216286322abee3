"""Does a model still know? One pass of observations, metrics, attacks, a scoreboard.

The room is also the function: ``benign.audit(model, result, data, ...)`` is ``benign.audit.run.audit``, whichever
of the room's modules was imported before.
"""

import sys
from types import ModuleType
from typing import Any


class _Room(ModuleType):
    """A package that can be called."""

    def __call__(self, *args: Any, **options: Any) -> object:
        from benign.audit.run import audit

        return audit(*args, **options)


sys.modules[__name__].__class__ = _Room
