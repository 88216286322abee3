"""Reads a method's traits off its recipe."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benign.engine.recipe import Guarded, LearnToken, Measure, Recipe, Rewrite, Sculpt, Term, Train, Weigh
from benign.errors import UserError
from benign.methods.catalogue import find
from benign.methods.traits import AXES, USUAL, Traits
from benign.parts.guards import Guard

_PLACE = "benign.parts."


def derive(name: str) -> Traits:
    """The traits of a method with its defaults.

    Raises:
        UserError: There is no such method.
    """
    kind = find(name)
    source = _source(kind)
    papers = tuple(dict.fromkeys(re.findall(r"\b\d{4}\.\d{4,5}\b", _first_line(source))))
    return replace(of_recipe(_recipe(kind())), papers=papers, reconstructed="reconstructed" in source.lower())


def of_recipe(recipe: Recipe) -> Traits:
    """The traits that a recipe shows, whatever it is called: of a composition or a user's own one too. Which paper it
    is from, and whether anything was reconstructed, no recipe tells."""
    parts = {axis: _files(recipe, axis) for axis in AXES}
    return Traits(
        papers=(),
        parts={axis: files for axis, files in parts.items() if files},
        needs=_needs(recipe),
        training=any(isinstance(stage, Train | LearnToken) for stage in recipe.stages),
        guarantee=recipe.guarantee,
        taxonomy=_taxonomy(recipe, parts),
        reconstructed=False,
    )


def _recipe(method: Any) -> Recipe:
    try:
        recipe: Recipe = method.recipe()
    except UserError:
        # What it lacks can only be a name that the user must give, such as the model to start from.
        given = {field.name: "MODEL" for field in fields(method) if getattr(method, field.name) == ""}
        recipe = replace(method, **given).recipe()
    return recipe


def _source(kind: type[Any]) -> str:
    spec = find_spec(kind.__module__)
    assert spec is not None and spec.origin is not None, "a method is a file"
    return Path(spec.origin).read_text(encoding="utf-8")


def _first_line(source: str) -> str:
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n\n")[0]


def _values(node: object) -> Iterator[object]:
    """The node and all values that it holds, through dataclasses and tuples."""
    yield node
    if is_dataclass(node) and not isinstance(node, type):
        for field in fields(node):
            yield from _values(getattr(node, field.name))
    elif isinstance(node, tuple):
        for item in node:
            yield from _values(item)


def _files(recipe: Recipe, axis: str) -> tuple[str, ...]:
    place = f"{_PLACE}{axis}."
    modules = (type(value).__module__ for value in _values(recipe))
    return tuple(dict.fromkeys(module.removeprefix(place) for module in modules if module.startswith(place)))


def _terms(recipe: Recipe) -> Iterator[Term]:
    return (value for value in _values(recipe) if isinstance(value, Term))


def _needs(recipe: Recipe) -> tuple[str, ...]:
    asking = [value for value in _values(recipe) if isinstance(value, Term | Measure)]
    sources: set[str] = {value.on for value in asking if not (isinstance(value, Term) and value.optional)}
    sources |= {source for stage in recipe.stages if isinstance(stage, Guarded) for source in _fitted_on(stage.guard)}
    sources |= {"keep" if stage.side == "retain" else "forget" for stage in recipe.stages if isinstance(stage, Weigh)}
    sources |= {"forget" for stage in recipe.stages if isinstance(stage, LearnToken | Rewrite)}
    asked = {"forget": "forget" in sources, "few_retain": "keep" in sources or "importance" in _files(recipe, "loci")}
    asked["retain"] = "retain" in sources
    asked["strangers"] = "strangers" in sources
    asked["reference"] = any(_refers(term) for term in _terms(recipe))
    asked["base_model"] = any(isinstance(stage, Train) and stage.start for stage in recipe.stages)
    asked["pictures"] = any(_sees(value) for value in _values(recipe))
    return tuple(need for need, wanted in asked.items() if wanted)


def _fitted_on(guard: Guard) -> Iterator[str]:
    """Every guard is told from the forget set what to stop; on what else it is fitted, one of its fields says."""
    yield "forget"
    yield from (str(value) for value in _values(guard) if value in ("keep", "retain"))


def _refers(term: Term) -> bool:
    needed = getattr(term.objective, "needs_reference", False) or getattr(
        term.objective, "needs_reference_hidden", False
    )
    return bool(needed) or term.teacher is not None


def _sees(value: object) -> bool:
    return isinstance(value, Measure) and value.route == "image"


def _taxonomy(recipe: Recipe, parts: dict[str, tuple[str, ...]]) -> str:
    if parts["guards"]:
        return "input_output"
    edited = any(isinstance(stage, Sculpt | Rewrite) for stage in recipe.stages)
    # What only tells which weights matter moves none.
    narrowed = set(parts["loci"]) - set(USUAL["loci"]) - {"importance"}
    return "local" if edited or narrowed or "masked_step" in parts["updates"] else "global"
