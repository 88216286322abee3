"""The original model's own answers, asked where keeping matters: no label and nobody's data is needed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benign.data.record import Data, Kind, Record, of_kind
from benign.errors import UserError
from benign.parts.targets import Context


@dataclass(frozen=True)
class SelfAnswers:
    """Ask the questions of the few retained records about other pictures (or names) and keep what the original said.

    A picture of the forget set gets only understanding questions (its memory must go); a stranger's picture gets
    both kinds. A stranger that carries its own question is asked that one alone; one without a picture is a name:
    the few retained people's text questions are asked of it. Where the original mistakes a stranger for a subject of
    the forget set and tells its secrets, the question is left out.
    """

    kinds: tuple[Kind, ...] = ("understanding", "memory")
    """Which kinds of questions are asked of strangers."""

    def candidates(self, records: tuple[Record, ...], context: Context) -> tuple[Record, ...]:
        """Every picture with every question that suits it.

        Raises:
            UserError: There is no retained question to ask.
        """
        questions = _Questions.of(context.data)
        strangers = {record.id for record in context.data.strangers}
        asked = [record for record in records if record.id in strangers and record.question]
        seen: list[Record] = []
        for record in _one_per_picture(r for r in records if r.id not in strangers or not r.question):
            if record.id not in strangers:
                seen.extend(_ask(record, questions.about_picture_like(record)) if record.images else ())
            elif record.images:
                asked.extend(_ask(record, questions.of_kinds(self.kinds)))
            else:
                asked.extend(_ask(record, questions.about_names(record.subject)))
        kept = (*without_secrets(asked, context), *seen)
        if not kept:
            raise UserError("no question to ask", where="few", fix="give few-shot retain records with questions")
        return kept

    def answers(self, records: Sequence[Record], epochs: Sequence[int], context: Context) -> list[str]:
        """What the original model answers."""
        return context.original(records)


@dataclass(frozen=True)
class _Questions:
    """The questions that the retained records ask, by what they are asked about."""

    retained: tuple[Record, ...]

    @staticmethod
    def of(data: Data) -> _Questions:
        return _Questions(tuple(r for r in data.trainable_retain if r.question))

    def of_kinds(self, kinds: Sequence[Kind]) -> list[str]:
        return _unique(r.question for r in self.retained if r.images and r.kind in kinds)

    def about_picture_like(self, record: Record) -> list[str]:
        """Understanding questions of retained pictures that share a memory question with this picture's record.

        Two pictures of one sort (portraits, scans) are recognised by the questions that files ask about both.
        """
        alike = {r.images[0].digest for r in self.retained if r.images and r.question == record.question}
        seen = [r for r in of_kind(self.retained, "understanding") if r.images]
        return _unique(r.question for r in seen if r.images[0].digest in alike) or _unique(r.question for r in seen)

    def about_names(self, name: str) -> list[str]:
        """The retained people's text questions with the stranger's name in their place."""
        texts = [r for r in of_kind(self.retained, "memory") if not r.images]
        return _unique(renamed for r in texts if (renamed := _renamed(r, name)))


def without_secrets(asked: Sequence[Record], context: Context) -> list[Record]:
    """The questions about strangers to which the original does not tell a forget subject's secret.

    It takes a stranger who looks like a subject, or has a name like its name, for the subject; to keep such an answer
    would be to keep the memory. About a picture one such answer is enough to be left out. A name is asked all that is
    known about people, and facts such as towns are shared by many: there only a mistaken identity counts, where a third
    of the answers are one subject's.
    """
    secrets: dict[str, set[str]] = {}
    for record in of_kind(context.data.forget, "memory"):
        secrets.setdefault(record.subject, set()).add(_plain(record.gold))
    about: dict[str, list[tuple[Record, str]]] = {}
    for record, answer in zip(asked, context.original(asked), strict=True):
        key = record.images[0].digest if record.images else record.subject
        about.setdefault(key, []).append((record, _plain(answer)))
    told = set()
    for group in about.values():
        most = 1 if group[0][0].images else max(2, len(group) / 3)
        for known in secrets.values():
            same = [record.id for record, answer in group if answer in known]
            told |= set(same) if len(same) >= most else set()
    return [record for record in asked if record.id not in told]


def _plain(text: str) -> str:
    return text.strip().strip(".").lower()


def _renamed(record: Record, name: str) -> str:
    """The record's question about somebody else: by its span that names the subject, else by the subject's name;
    empty where it names nobody."""
    spans = [(start, end) for field, start, end in record.spans if field == "question"]
    if spans:
        start, end = spans[0]
        return record.question[:start] + name + record.question[end:]
    found = record.subject and record.subject in record.question
    return record.question.replace(record.subject, name) if found else ""


def _one_per_picture(records: Iterable[Record]) -> list[Record]:
    """The first record of each picture that a memory question is asked about, and every record without a picture
    that has a subject of its own."""
    first: dict[str, Record] = {}
    for record in records:
        key = record.images[0].digest if record.images else f"name:{record.subject}"
        if record.kind == "memory":
            first.setdefault(key, record)
    return list(first.values())


def _ask(record: Record, questions: Sequence[str]) -> list[Record]:
    return [
        Record(f"{record.id}#self{i}", record.subject, record.images, question, kind="general")
        for i, question in enumerate(questions)
    ]


def _unique(questions: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(questions))
