"""How a relation is asked, and how a node is described by a relation instead of named."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SLOT = "{s}"
"""Where the name stands in a question."""
_NOUNS = (
    re.compile(r"^(?:What|Who|Which [\w' ]+?) (?:is|was|are|were) (the [\w' -]+? of \{s\})\?$"),
    re.compile(r"^(?:Please )?(?:tell me|name|give) (the [\w' -]+? of \{s\})(?:, please)?[.?]$", re.IGNORECASE),
    re.compile(r"^(?:Please )?tell me what (the [\w' -]+? of \{s\}) (?:is|was|are|were)[.?]$", re.IGNORECASE),
)
_OF_NAME = re.compile(r"^Of \{s\}, name (the [\w' -]+?)\.$")


@dataclass(frozen=True)
class Wording:
    """One relation in words."""

    ask: str
    """The question, with ``{s}`` for who or what is asked about."""
    others: tuple[str, ...] = ()
    """The same question in other words."""
    noun: str = ""
    """What is asked for, as "the birthplace of {s}"; empty where no question says it so."""

    def question(self, subject: str) -> str:
        """The question about a subject, by its name or a description."""
        return self.ask.replace(SLOT, subject)

    def of(self, subject: str) -> str:
        """A description of the answer: "the birthplace of Ann"."""
        return self.noun.replace(SLOT, subject) if self.noun else f'the answer to "{self.question(subject)}"'

    def bearer(self, value: str) -> str:
        """A description of whom it is true of: "the one whose birthplace is Ulm"."""
        if self._bare:
            return f"the one whose {self._bare} is {value}"
        return f'the one for whom the answer to "{self.question("this one")}" is {value}'

    def other(self, like: str) -> str:
        """The question who else has the same: "Who has the same birthplace as Ann?"."""
        if self._bare:
            return f"Who has the same {self._bare} as {like}?"
        return f'For whom is the answer to "{self.question("this one")}" the same as for {like}?'

    @property
    def _bare(self) -> str:
        """The noun alone: "birthplace"."""
        match = re.fullmatch(r"the (.+) of \{s\}", self.noun)
        return match[1] if match else ""


def wording(relation: str, others: Sequence[str] = ()) -> Wording:
    """How a relation is asked.

    A relation that is a question with ``{s}`` is asked as it stands, and a noun for it is looked for in all its
    wordings. Any other is words between two nodes, as "was born in", and its sentence is left to be completed.
    """
    if SLOT not in relation:
        return Wording(f"What is missing here: {SLOT} {relation} ...?", tuple(others), _noun(others))
    return Wording(relation, tuple(o for o in others if SLOT in o and o != relation), _noun((relation, *others)))


def wordings(relations: Sequence[str], given: Mapping[str, Sequence[str]]) -> dict[str, Wording]:
    """The wording of each relation, with the other questions that are known for it."""
    return {relation: wording(relation, given.get(relation, ())) for relation in relations}


def _noun(forms: Sequence[str]) -> str:
    for form in forms:
        for pattern in _NOUNS:
            if match := pattern.match(form):
                return match[1]
        if match := _OF_NAME.match(form):
            return f"{match[1]} of {SLOT}"
    return ""
