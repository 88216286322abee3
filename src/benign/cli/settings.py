"""``--set NAME=VALUE``: words of the command line become fields of a method, by the fields' own types."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Sequence
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from benign.errors import UserError, unknown_name

_YES, _NO, _NONE = ("true", "yes", "on", "1"), ("false", "no", "off", "0"), ("none", "null")


def changed(method: Any, settings: Sequence[str], option: str = "--set") -> Any:
    """A method or an attack changed by ``NAME=VALUE`` settings; dots reach into parts (``optim.lr=1e-3``).

    Args:
        method: What is changed.
        settings: The settings.
        option: Where they stood, for an error.

    Raises:
        UserError: There is no such field, or the value does not fit it.
    """
    made = method
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise UserError(f"{setting!r} is not NAME=VALUE", where=option, fix="for example k=5.0")
        path = name.strip().split(".")
        made = _changed(_with_axis(made, path[0]), path, text.strip(), f"{option} {name.strip()}")
    return made


def _with_axis(method: Any, name: str) -> Any:
    """The method, made to take parts on an axis that it has no field for."""
    from benign.engine.compose import Composed

    axes = [field.name for field in dataclasses.fields(Composed)][1:]
    known = [field.name for field in dataclasses.fields(method)]
    return Composed(method) if name in axes and name not in known and hasattr(method, "recipe") else method


def _changed(value: Any, path: Sequence[str], text: str, where: str) -> Any:
    name, *rest = path
    known = [field.name for field in dataclasses.fields(value)]
    if name not in known and "method" in known:
        # What is no axis of a composition is a setting of the method in it.
        return dataclasses.replace(value, method=_changed(value.method, path, text, where))
    if name not in known:
        raise unknown_name("field", name, known, where=where)
    if not rest:
        return dataclasses.replace(value, **{name: parsed(get_type_hints(type(value))[name], text, where)})
    inner = getattr(value, name)
    if not dataclasses.is_dataclass(inner):
        raise UserError(f"{name!r} has no fields of its own", where=where)
    return dataclasses.replace(value, **{name: _changed(inner, rest, text, where)})


def parsed(wanted: Any, text: str, where: str) -> Any:
    """A value of the wanted type: number, text, yes or no, none, one of a choice, or a tuple of these.

    Raises:
        UserError: The text is no such value, or the type is one that words cannot give.
    """
    origin, inside = get_origin(wanted), get_args(wanted)
    if origin in (Union, types.UnionType):
        return _first_fit(inside, text, where)
    if origin is Literal:
        if text not in inside:
            raise unknown_name("choice", text, [str(choice) for choice in inside], where=where)
        return text
    if origin is tuple:
        return _tuple(inside, text, where)
    return _scalar(wanted, text, where)


def _scalar(wanted: Any, text: str, where: str) -> Any:
    if wanted is str:
        return text
    if wanted is bool and text.lower() in _YES + _NO:
        return text.lower() in _YES
    if wanted is types.NoneType and text.lower() in _NONE:
        return None
    if wanted in (int, float):
        try:
            return wanted(text)
        except ValueError:
            pass
    if str(getattr(wanted, "__module__", "")).startswith("benign.parts.") and getattr(wanted, "_is_protocol", False):
        return _part(wanted, text, where)
    if wanted in (bool, int, float, types.NoneType):
        name = {bool: "yes or no", int: "a whole number", float: "a number"}.get(wanted, "none")
        raise UserError(f"{text!r} is not {name}", where=where)
    kind = getattr(wanted, "__name__", str(wanted))
    raise UserError(f"a {kind} cannot be given as a word", where=where, fix="set one of its own fields, or use Python")


def _part(wanted: Any, text: str, where: str) -> Any:
    from benign.methods.axes import find_part

    try:
        return find_part(wanted, text, where=where)()
    except TypeError as error:
        raise UserError(f"{text} cannot be made without settings", where=where, fix="use Python") from error


def _tuple(inside: Sequence[Any], text: str, where: str) -> tuple[Any, ...]:
    parts = [part.strip() for part in text.strip("()[]").split(",") if part.strip()]
    if len(inside) == 2 and inside[1] is ...:
        return tuple(parsed(inside[0], part, where) for part in parts)
    if len(parts) != len(inside):
        raise UserError(f"{text!r} has {len(parts)} values and needs {len(inside)}", where=where)
    return tuple(parsed(kind, part, where) for kind, part in zip(inside, parts, strict=True))


def _first_fit(choices: Sequence[Any], text: str, where: str) -> Any:
    """The first member of a union that the text fits; ``none`` and numbers before text."""
    problem = UserError(f"{text!r} does not fit", where=where)
    for choice in sorted(choices, key=lambda kind: (kind is str, kind is not types.NoneType)):
        try:
            return parsed(choice, text, where)
        except UserError as error:
            problem = error
    raise problem
