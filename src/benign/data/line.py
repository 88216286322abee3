"""One raw line of a user's file: typed access to its fields, and what is wrong with them.

No message quotes a value: what a user wants forgotten must not live on in a log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from benign.data.record import Record

_NAMES = {
    str: "text", bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object",
}  # fmt: skip


class Placed(NamedTuple):
    """A record with the place it was read from."""

    where: str
    """``file:line``"""
    record: Record


@dataclass
class Line:
    """One line (or row, or picture) of a file, with the problems found in it so far."""

    where: str
    """``file:line``"""
    raw: Mapping[str, object]
    problems: list[str] = field(default_factory=list)
    faulty: set[str] = field(default_factory=set)
    """The fields that have a problem: nothing that follows from it is reported as well."""

    def bad(self, name: str, reason: str) -> None:
        """Add a problem of one field."""
        self.faulty.add(name)
        self.problems.append(f"{self.where}: {name}: {reason}")

    def has(self, name: str) -> bool:
        """Whether the line gives the field a value; null counts as none."""
        return self.raw.get(name) is not None

    def text(self, name: str) -> str:
        """A text field; empty where it is not given or faulty."""
        return self.as_text(name, self.raw[name]) if self.has(name) else ""

    def identifier(self, name: str) -> str:
        """A text that must be given and not blank; a whole number is taken as its digits."""
        value = self.raw.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        found = self.text(name)
        if not found.strip() and name not in self.faulty:
            self.bad(name, "empty" if self.has(name) else "missing")
        return found

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts, none of them blank; empty where it is not given or faulty."""
        found = []
        for number, value in enumerate(self.entries(name), 1):
            one = self.as_text(name, value, f"entry {number}: ")
            if not one.strip() and name not in self.faulty:
                self.bad(name, f"entry {number}: empty")
            found.append(one)
        return tuple(found)

    def entries(self, name: str) -> list[object]:
        """A list field's entries; empty where it is not given or not a list."""
        value = self.raw.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            self.bad(name, f"must be a list, not {described(value)}")
            return []
        return value

    def choice(self, name: str, known: tuple[str, ...]) -> str:
        """A text that must be one of the known words; empty where it is not given or faulty."""
        found = self.text(name)
        if self.has(name) and found not in known and name not in self.faulty:
            self.bad(name, f"must be one of {', '.join(known)}")
            return ""
        return found

    def as_text(self, name: str, value: object, entry: str = "") -> str:
        """A value of a field as text; empty, and a problem, where it is none."""
        if not isinstance(value, str):
            self.bad(name, f"{entry}must be text, not {described(value)}")
            return ""
        try:
            value.encode()
        except UnicodeEncodeError:
            self.bad(name, f"{entry}holds half of a surrogate pair")
            return ""
        return value


def described(value: object) -> str:
    """What kind of value it is, in words and without the value."""
    return _NAMES.get(type(value), "null" if value is None else "another type")
