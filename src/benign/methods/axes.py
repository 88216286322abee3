"""What the parts' files say about themselves, axis by axis, read from the source without importing it."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from benign.errors import unknown_name

PARTS = Path(__file__).parents[1] / "parts"


@dataclass(frozen=True)
class Part:
    """A part of an axis, as its file states it."""

    axis: str
    """The folder's name."""
    module: str
    """The file's name, without its ending."""
    type: str
    summary: str
    """The first paragraph of the file's docstring, or of the class' where the file holds several."""
    settings: tuple[tuple[str, str], ...]
    """Names and defaults (Python source; empty where a value must be given)."""


def axes(folder: Path = PARTS) -> dict[str, str]:
    """The axes by folder name, each with the one line that its protocol's file begins with."""
    return {path.parent.name: _line(_parsed(path)) for path in sorted(folder.glob("*/__init__.py"))}


def parts(axis: str, folder: Path = PARTS) -> tuple[Part, ...]:
    """The parts of an axis: the public dataclasses of its files, sorted by file."""
    files = [path for path in sorted((folder / axis).glob("*.py")) if not path.stem.startswith("_")]
    return tuple(part for path in files for part in _of(path, axis))


def find_part(wanted: type, name: str, *, where: str = "") -> type[Any]:
    """The part of an axis that a file or a class of this name holds.

    Args:
        wanted: The axis' protocol, such as ``benign.parts.updates.Update``.
        name: A file's name without its ending, or a class' name.
        where: What the user set.

    Raises:
        UserError: The axis has no such part.
    """
    axis = wanted.__module__.rpartition(".")[2]
    asked = [member for member in vars(wanted) if member == "__call__" or not member.startswith("_")]
    found: dict[str, type[Any]] = {}
    for part in parts(axis):
        kind: type[Any] = getattr(import_module(f"benign.parts.{axis}.{part.module}"), part.type)
        if all(hasattr(kind, member) for member in asked):
            found.setdefault(part.module, kind)
            found[part.type] = kind
    if name not in found:
        raise unknown_name("part", name, [known for known in found if known.islower()], where=where)
    return found[name]


def page(folder: Path = PARTS) -> str:
    """One section per axis: what it decides, and its parts with their settings."""
    return "".join(_section(axis, line, folder) for axis, line in axes(folder).items())


def _of(path: Path, axis: str) -> list[Part]:
    module = _parsed(path)
    classes = [node for node in module.body if isinstance(node, ast.ClassDef) and _is_public_dataclass(node)]
    # A file says what it is for and from where; where it holds several classes, each speaks for itself.
    return [
        Part(axis, path.stem, node.name, _line(module) if len(classes) == 1 else _line(node), _settings(node))
        for node in classes
    ]


def _section(axis: str, line: str, folder: Path) -> str:
    found = parts(axis, folder)
    if not found:
        return f"\n## {axis}\n\n{line}\n"
    rows = "".join(f"| `{p.type}` | {_cell(p.summary)} | {_cell(_listed(p))} |\n" for p in found)
    return f"\n## {axis}\n\n{line}\n\n| part | what it is | settings |\n|---|---|---|\n{rows}"


def _listed(part: Part) -> str:
    return ", ".join(f"`{name}={default}`" if default else f"`{name}`" for name, default in part.settings) or "none"


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def _is_public_dataclass(node: ast.ClassDef) -> bool:
    marks = [mark.func if isinstance(mark, ast.Call) else mark for mark in node.decorator_list]
    return not node.name.startswith("_") and any(isinstance(m, ast.Name) and m.id == "dataclass" for m in marks)


def _settings(node: ast.ClassDef) -> tuple[tuple[str, str], ...]:
    fields = [part for part in node.body if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)]
    return tuple(
        (field.target.id, ast.unparse(field.value) if field.value else "")
        for field in fields
        if isinstance(field.target, ast.Name) and not ast.unparse(field.annotation).startswith("ClassVar")
    )


def _line(node: ast.Module | ast.ClassDef) -> str:
    return (ast.get_docstring(node) or "").partition("\n\n")[0].replace("\n", " ")


def _cell(text: str) -> str:
    return " ".join(text.replace("``", "`").split()).replace("|", "\\|")
