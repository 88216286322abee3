"""A word that is none of a field's choices is told before the run: a part would take it for one of the others."""

from __future__ import annotations

import dataclasses
import types
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from benign.engine.recipe import Method, Recipe
from benign.errors import unknown_name


def recipe_of(method: Method) -> Recipe:
    """A method's recipe, where it and the method hold no unknown word.

    Raises:
        UserError: They do, or as the method says.
    """
    refuse_unknown_choices(method)
    recipe = method.recipe()
    refuse_unknown_choices(recipe)
    return recipe


def refuse_unknown_choices(value: Any) -> None:
    """Look at all fields of a method and of the parts in it whose type is a choice among fixed words.

    Raises:
        UserError: A field has another word.
    """
    if isinstance(value, tuple):
        for member in value:
            refuse_unknown_choices(member)
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return
    for field in dataclasses.fields(value):
        inside, known = getattr(value, field.name), _choices(type(value)).get(field.name)
        words = [word for word in (inside if isinstance(inside, tuple) else (inside,)) if isinstance(word, str)]
        for word in words if known else ():
            if word not in (known or ()):
                raise unknown_name("choice", word, known or (), where=f"{type(value).__name__}.{field.name}")
        refuse_unknown_choices(inside)


@cache
def _choices(kind: type) -> dict[str, tuple[str, ...]]:
    """By field, the words that it may be, of those that may not be any text."""
    try:
        hints = get_type_hints(kind)
    except NameError:
        # A part made inside a function may name what only that function knows.
        return {}
    found = {name: tuple(_words(hint)) for name, hint in hints.items()}
    return {name: words for name, words in found.items() if words and str not in words}


def _words(hint: Any) -> list[Any]:
    """The fixed words of a type, and ``str`` itself where it allows any."""
    if get_origin(hint) is Literal:
        return [word for word in get_args(hint) if isinstance(word, str)]
    if get_origin(hint) in (Union, types.UnionType, tuple):
        return [word for inner in get_args(hint) for word in _words(inner)]
    return [str] if hint is str else []
