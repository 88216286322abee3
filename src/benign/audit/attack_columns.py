"""The attacks' columns of a scoreboard, told from names and from the text of the attacks' files: none is imported."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from benign.audit.column import Column

PREFIX = "attack_"
"""How an attack's column begins."""
OLDER = {"relearn": "relearned_memory"}
"""The column that is older than the others."""
_FOLDER = Path(__file__).parent / "attacks"


def attack_of(column: str) -> str | None:
    """The name of the attack that a column is about; None for any other column."""
    older = next((name for name, known in OLDER.items() if known == column), None)
    return older or (column.removeprefix(PREFIX) if column.startswith(PREFIX) else None)


def attack_column(name: str) -> Column | None:
    """An attack's column; None for a name that is no such column's."""
    known = attack_of(name)
    if known is None:
        return None
    return Column(name, titled(known), "attack", "lower", meaning(known), more=True)


def titled(name: str) -> str:
    """An attack's name as a title."""
    return name.replace("_", " ").capitalize()


def meaning(name: str) -> str:
    """What an attack does, by the first sentence of its class' docstring; empty for one that nobody knows."""
    known = nearest(name, _told())
    first = " ".join((_told()[known] if known else "").partition("\n\n")[0].split()).replace("``", "")
    return re.split(r"(?<=[.:]) (?=[A-Z])", first)[0]


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The attack that a name with its budget, as in ``relearn_steps_100``, belongs to."""
    return max((one for one in known if name == one or name.startswith(f"{one}_")), key=len, default=None)


@cache
def _told() -> dict[str, str]:
    """By file name, the docstring of the class of the same name."""
    found = {}
    for path in sorted(_FOLDER.glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and node.name.lower() == path.stem.replace("_", ""):
                found[path.stem] = ast.get_docstring(node) or ""
    return found
