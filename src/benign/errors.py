"""The one vocabulary of failure: a mistake the user can mend, and a number that could not be measured."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


class UserError(Exception):
    """A mistake that the user can mend.

    Args:
        what: What is wrong, in one line, with the offending value.
        where: The place: a file, ``file:line: field``, an option or a parameter name.
        fix: What to do about it.
    """

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        self.what = what
        self.where = where
        self.fix = fix
        super().__init__(self.line())

    def line(self) -> str:
        """The error as the one line that the command line prints."""
        place = f"{self.where}: " if self.where else ""
        cure = f" ({self.fix})" if self.fix else ""
        return f"{place}{self.what}{cure}"


class BadRecords(UserError):
    """Every bad line of the user's files at once; ``problems`` holds one ``file:line: field: reason`` each."""

    def __init__(self, problems: Iterable[str], *, fix: str = "nothing was read") -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        super().__init__(f"{count} bad record{'s' if count > 1 else ''}", fix=fix)

    def line(self) -> str:
        """All the problems, one per line."""
        return "\n".join(self.problems)


@dataclass(frozen=True)
class NotMeasured:
    """The place of a score that could not be measured, with the reason; it is never a number."""

    reason: str

    def __str__(self) -> str:
        return f"not measured: {self.reason}"


def unknown_name(kind: str, name: str, known: Iterable[str], *, where: str = "") -> UserError:
    """The error for a name nobody knows: the closest match, and all the known ones."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return UserError(f"unknown {kind} {name!r}", where=where, fix=f"{hint}known: {', '.join(names)}")
