"""Writers of wrong answers: from the file, from other subjects' answers, or by a language model behind an endpoint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol

from benign.data.atomic import write_text
from benign.data.endpoint import Endpoint
from benign.data.record import Record
from benign.data.turns import asked_question
from benign.data.words import normalised
from benign.errors import UserError

_INSTRUCTION: Final = (
    "You are given a question and its true answer. Write {count} other answers to the question. Each has the form, "
    "length and style of the true one, is plausible, and contradicts it in its facts; no two say the same. Do not say "
    'that they are wrong. Reply with this JSON object and nothing else: {{"answers": [<{count} texts>]}}'
)


class Writer(Protocol):
    """Writes wrong answers."""

    def __call__(self, record: Record) -> tuple[str, ...]:
        """Wrong answers to the record's question."""
        ...


def rewritten(records: Sequence[Record], writer: Writer) -> tuple[Record, ...]:
    """The records with what a writer wrote as their wrong answers (``perturbed``), for training.

    An audit should ask about other wrong answers than those that were trained on.

    Raises:
        UserError: The writer wrote nothing but the right answer for some record.
    """
    made = [replace(record, perturbed=wrong(record, writer(record))) for record in records]
    bare = [record.id for record in made if not record.perturbed]
    if bare:
        raise UserError(
            f"no wrong answer was written for {len(bare)} of {len(made)} records, the first is {bare[0]!r}",
            where="writer",
        )
    return tuple(made)


def wrong(record: Record, answers: Sequence[str]) -> tuple[str, ...]:
    """The answers without the right one, empty ones and those that are there already."""
    found: dict[str, str] = {}
    for answer in answers:
        found.setdefault(normalised(answer), answer.strip())
    return tuple(answer for key, answer in found.items() if key and key != normalised(record.gold))


@dataclass(frozen=True)
class FromFile:
    """The file's own: ``perturbed``, else the wrong ones of ``options``."""

    def __call__(self, record: Record) -> tuple[str, ...]:
        """What the record brings."""
        return record.perturbed or record.options


@dataclass(frozen=True)
class FromOthers:
    """What others answer to the question that is the same but for whom it names.

    The name is told from the rest by the record's spans, else by its subject. An answer that is the same words for
    everybody is none; one that names its own subject names the record's instead.
    """

    others: tuple[Record, ...]
    """Records of other subjects. Their answers are told of the forgotten ones, so take none that must stay secret."""
    most: int = 8
    """Answers per record (official code of MEOW: 8 places to fill)."""

    def __call__(self, record: Record) -> tuple[str, ...]:
        """The others' answers, in an order that is a function of the record's id; a plain document asks for none."""
        if not asked_question(record):
            return ()
        alike = [o for o in self.others if o.subject != record.subject and _frame(o) == _frame(record) and o.gold]
        ordered = sorted(alike, key=lambda other: hashlib.sha256(f"{record.id}/{other.id}".encode()).digest())
        answers = [other.gold.replace(_name(other) or "\0", _name(record)) for other in ordered]
        return wrong(record, answers)[: self.most]


def _name(record: Record) -> str:
    """Whom the question names; empty where nobody is told from the rest."""
    spans = [(start, end) for field, start, end in record.spans if field == "question"]
    if spans:
        return record.question[slice(*spans[0])]
    return record.subject if record.subject and record.subject in record.question else ""


def _frame(record: Record) -> str:
    name = _name(record)
    question = asked_question(record)
    return question.replace(name, "\0") if name else question


@dataclass(frozen=True)
class FromEndpoint:
    """A language model behind an OpenAI-compatible endpoint, which caches what it wrote (MEOW, arXiv 2409.11844: GPT-4
    at temperature 0.9, four answers).

    The questions and right answers are sent to ``url``, which must be a place that may see what is to be forgotten.
    The cache holds what was written, under hashes: it is to be deleted with the forget set.
    """

    url: str
    """Base address up to the version, such as ``http://localhost:8000/v1``."""
    model: str
    """The model's name there."""
    cache: str | Path
    """The folder of what was written."""
    count: int = 4
    """Answers per record (paper: 4)."""
    temperature: float = 0.9
    """Of the writing model (paper: 0.9)."""
    key_env: str = "BENIGN_WRITER_KEY"
    """Name of the environment variable with the API key; no key is sent when it is unset."""
    tries: int = 5
    """Attempts per record."""
    wait_seconds: float = 1.0
    """Wait before the second attempt; doubled each time."""

    def __call__(self, record: Record) -> tuple[str, ...]:
        """What the model writes, or what it wrote before.

        Raises:
            UserError: It cannot be reached, refuses, or does not reply in the form that it is asked for.
        """
        case = {"question": asked_question(record), "answer": record.gold}
        messages = [
            {"role": "system", "content": _INSTRUCTION.format(count=self.count)},
            {"role": "user", "content": json.dumps(case, ensure_ascii=False, indent=1)},
        ]
        request = {"model": self.model, "messages": messages, "temperature": self.temperature}
        key = hashlib.sha256(json.dumps([self.url, request], sort_keys=True).encode()).hexdigest()
        path = Path(self.cache) / key[:2] / f"{key}.json"
        kept = _kept(path, self.count)
        if kept is None:
            endpoint = Endpoint(
                self.url, self.model, "writer", self.key_env, tries=self.tries, wait_seconds=self.wait_seconds
            )
            body = json.dumps(request).encode()
            unusable = f'it did not reply {{"answers": [{self.count} texts]}}'
            kept = endpoint.asked(body, lambda reply: parsed_answers(reply, self.count), "answer", unusable)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, json.dumps({"answers": kept}, ensure_ascii=False))
        return kept


def parsed_answers(reply: bytes, count: int) -> tuple[str, ...] | None:
    """The texts of a chat completion that is the JSON object ``{"answers": [...]}`` with so many; else None."""
    try:
        content = json.loads(reply)["choices"][0]["message"]["content"].strip()
        if content.startswith("```") and content.endswith("```"):
            content = content.strip("`").removeprefix("json")
        return _texts(json.loads(content), count)
    except (ValueError, LookupError, TypeError, AttributeError):
        return None


def _texts(content: Mapping[str, Any], count: int) -> tuple[str, ...] | None:
    found = content["answers"] if list(content) == ["answers"] else None
    if not isinstance(found, list) or len(found) != count or not all(isinstance(t, str) and t.strip() for t in found):
        return None
    return tuple(found)


def _kept(path: Path, count: int) -> tuple[str, ...] | None:
    try:
        return _texts(json.loads(path.read_text(encoding="utf-8")), count)
    except (OSError, ValueError, LookupError, TypeError):
        return None
