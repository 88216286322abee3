"""The attacks, found by file: what each is called, which group holds it, and its column on a scoreboard."""

from __future__ import annotations

import dataclasses
import inspect
import pkgutil
import re
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import Any

from benign.audit import attacks
from benign.audit.attack_columns import OLDER, PREFIX, nearest
from benign.audit.attacks import Attack, Cost
from benign.errors import UserError, unknown_name

GROUPS: tuple[Cost, ...] = ("fast", "standard", "all")
"""Each holds the ones before it."""
NONE = "none"


def names() -> tuple[str, ...]:
    """The names of all attacks, sorted."""
    return tuple(sorted(_found()))


def find(name: str) -> type[Any]:
    """An attack's class by its file's name.

    Raises:
        UserError: There is none.
    """
    if name not in _found():
        raise unknown_name("attack", name, names())
    return _found()[name]


def group(name: Cost) -> tuple[Attack, ...]:
    """The attacks of a group with their default budgets, the cheap ones first."""
    reach = GROUPS.index(name)
    known = [(GROUPS.index(kind.cost), title, kind) for title, kind in _found().items()]
    return tuple(kind() for cost, _, kind in sorted(known, key=lambda entry: entry[:2]) if cost <= reach)


def chosen(text: str) -> tuple[Attack, ...]:
    """What a user asks for: ``none``, or groups and attacks' names with commas between them; each attack once.

    Raises:
        UserError: There is no such group or attack.
    """
    wanted: dict[str, None] = {}
    for entry in (entry.strip() for entry in text.split(",")):
        known = next((name for name in GROUPS if name == entry), None)
        if known is not None:
            wanted |= dict.fromkeys(map(name_of, group(known)))
        elif entry in _found():
            wanted[entry] = None
        elif entry not in ("", NONE):
            raise unknown_name("attack", entry, (NONE, *GROUPS, *names()), where="--attacks")
    return tuple(find(name)() for name in wanted)


def name_of(attack: Attack) -> str:
    """An attack's name: its file's, and with it what its budget differs in from the default, as in
    ``relearn_steps_100``."""
    return "_".join([_kind(attack), *(_told(field.name, getattr(attack, field.name)) for field in _changed(attack))])


def columns_of(made: Sequence[Attack]) -> dict[str, Attack]:
    """The attacks by their columns. The first of a kind that has a column of its own takes that, whatever its budget.

    Raises:
        UserError: The same attack twice.
    """
    found: dict[str, Attack] = {}
    for attack in made:
        own = OLDER.get(_kind(attack), "")
        column = own if own and own not in found else f"{PREFIX}{name_of(attack)}"
        if column in found:
            raise UserError(
                f"the attack {name_of(attack)} twice", where="attacks", fix="change its budget, or drop one"
            )
        found[column] = attack
    return found


def cost_of(name: str) -> Cost | None:
    """The smallest group that holds an attack; None for one that nobody knows."""
    known = nearest(name, names())
    cost: Cost | None = _found()[known].cost if known else None
    return cost


@cache
def _found() -> dict[str, type[Any]]:
    found: dict[str, type[Any]] = {}
    for module in pkgutil.iter_modules(attacks.__path__):
        if module.name == __name__.rpartition(".")[2]:
            continue
        place = import_module(f"{attacks.__name__}.{module.name}")
        for title, kind in inspect.getmembers(place, inspect.isclass):
            own = kind.__module__ == place.__name__ and hasattr(kind, "cost")
            if own and title.lower() == module.name.replace("_", ""):
                found[module.name] = kind
    return found


def _kind(attack: Attack) -> str:
    """The name of an attack whatever its budget; one from elsewhere is called like its class."""
    kind = type(attack)
    return next((name for name, known in _found().items() if known is kind), _snake(kind.__name__))


def _changed(attack: Attack) -> list[dataclasses.Field[Any]]:
    kind: type[Any] = type(attack)
    if not dataclasses.is_dataclass(kind):
        return []
    plain: object = kind()
    return [f for f in dataclasses.fields(kind) if getattr(attack, f.name) != getattr(plain, f.name)]


def _told(name: str, value: object) -> str:
    return re.sub(r"\W+", "_", f"{name}_{value}").strip("_")


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
