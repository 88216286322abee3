"""What the methods' files say about themselves, found by file name and read without importing them."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from benign.errors import unknown_name
from benign.methods.traits import Traits as Traits
from benign.methods.traits import Wish as Wish
from benign.methods.traits import fits, read

PUBLIC = ("Entry", "Setting", "Traits", "Wish", "describe", "entry", "find", "names")
"""What ``benign.methods`` has beside the methods' classes."""

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Setting:
    """A hyper-parameter of a method, as its file states it."""

    name: str
    type: str
    default: str
    """Python source of the default; empty where a value must be given."""
    meaning: str


@dataclass(frozen=True)
class Entry:
    """A method of the catalogue."""

    name: str
    """The file's name, which the command line uses."""
    type: str
    """The dataclass' name, which Python uses."""
    summary: str
    settings: tuple[Setting, ...]
    traits: Traits | None = None
    """What kind of method it is; None until ``python -m benign.methods.stub`` has seen it."""


def names() -> tuple[str, ...]:
    """The methods' names, sorted."""
    return tuple(_catalogue(_FOLDER))


def describe(wish: Wish | None = None) -> tuple[Entry, ...]:
    """All methods with their hyper-parameters, or those that a reader looks for; read without importing them."""
    found = tuple(_catalogue(_FOLDER).values())
    return found if wish is None else tuple(e for e in found if e.traits is not None and fits(e.traits, wish))


def entry(name: str) -> Entry:
    """One method by its file's name or its class' name.

    Raises:
        UserError: There is no such method.
    """
    catalogue = _catalogue(_FOLDER)
    for found in catalogue.values():
        if name in (found.name, found.type):
            return found
    raise unknown_name("method", name, catalogue)


def find(name: str) -> type[Any]:
    """Import one method's dataclass, by its file's name or its class' name.

    Raises:
        UserError: There is no such method.
    """
    known = entry(name)
    method: type[Any] = getattr(import_module(f"{__package__}.{known.name}"), known.type)
    return method


def read_entry(path: Path) -> Entry | None:
    """What a file says about its method, or None where it holds none (no public class with a ``recipe()``)."""
    module = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    for node in module.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and _has_recipe(node):
            summary = (ast.get_docstring(module) or "").partition("\n\n")[0].replace("\n", " ")
            return Entry(path.stem, node.name, summary, _settings(node))
    return None


@cache
def _catalogue(folder: Path) -> dict[str, Entry]:
    found = (read_entry(path) for path in sorted(folder.glob("*.py")) if not path.stem.startswith("_"))
    traits = read()
    return {known.name: replace(known, traits=traits.get(known.name)) for known in found if known is not None}


def _has_recipe(node: ast.ClassDef) -> bool:
    return any(isinstance(part, ast.FunctionDef) and part.name == "recipe" for part in node.body)


def _settings(node: ast.ClassDef) -> tuple[Setting, ...]:
    found = []
    for part, after in zip(node.body, [*node.body[1:], None], strict=True):
        if not isinstance(part, ast.AnnAssign) or not isinstance(part.target, ast.Name):
            continue
        written = ast.unparse(part.annotation)
        if not written.startswith("ClassVar"):
            default = ast.unparse(part.value) if part.value else ""
            found.append(Setting(part.target.id, written, default, _text(after)))
    return tuple(found)


def _text(node: ast.stmt | None) -> str:
    """A string that stands alone, as one line; empty for anything else."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return " ".join(node.value.value.replace("``", "").split())
    return ""
