"""One question about one subject: the record that every file, method and metric speaks of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Literal

Kind = Literal["memory", "understanding", "general"]
Neighbour = Literal["entity", "domain", "general"]
SPLITS = ("forget", "retain", "few", "neighbour", "holdout", "general", "strangers")


@dataclass(frozen=True)
class ImageRef:
    """A picture by path, or by its embedded bytes (exactly one of the two).

    The digest is of the encoded file's bytes, so it is the same whether the picture is a file or embedded.
    """

    path: Path | None = None
    data: bytes | None = field(default=None, repr=False)

    def encoded(self) -> bytes:
        """The picture file's bytes."""
        if self.data is not None:
            return self.data
        if self.path is None:
            raise ValueError("an image needs a path or bytes")
        return self.path.read_bytes()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the encoded bytes."""
        return hashlib.sha256(self.encoded()).hexdigest()


class Slot(Enum):
    """A place in a message where the record's next picture stands."""

    IMAGE = "image"


@dataclass(frozen=True)
class Message:
    """One turn of a chat: texts and picture slots in the order in which a chat template gets them."""

    role: Literal["system", "user", "assistant"]
    content: tuple[str | Slot, ...]

    @property
    def text(self) -> str:
        """The turn's words without its pictures."""
        return " ".join(part for part in self.content if isinstance(part, str))


@dataclass(frozen=True)
class Record:
    """One question with its answer, one conversation, or one plain document.

    Exactly one of three forms is filled: ``question`` (+ ``answer``), ``messages``, or ``text``.
    """

    id: str
    subject: str = ""
    images: tuple[ImageRef, ...] = ()
    question: str = ""
    answer: str = ""
    messages: tuple[Message, ...] = ()
    """A chat whose last turn is the expected answer. An assistant's turn right before it is how that answer begins:
    the model goes on from there, and only the rest is expected."""
    text: str = ""
    kind: Kind = "memory"
    paraphrases: tuple[str, ...] = ()
    """Other wordings of the question, used to audit and never to train."""
    perturbed: tuple[str, ...] = ()
    """Wrong answers of the same form."""
    options: tuple[str, ...] = ()
    """Choices of a multiple-choice question, the right answer among them."""
    neighbour: Neighbour | None = None
    spans: tuple[tuple[str, int, int], ...] = ()
    """(field, start, end) character spans that name the subject in ``question`` or ``answer``."""
    rewordings: tuple[str, ...] = ()
    """Other wordings of the right answer, used to audit (the truth ratio) and never to train."""

    def conversation(self) -> tuple[Message, ...]:
        """The record as a chat that ends with the assistant's answer; empty for a plain document."""
        if self.messages or self.text:
            return self.messages
        ask = Message("user", (Slot.IMAGE,) * len(self.images) + (self.question,))
        return (ask, Message("assistant", (self.answer,)))

    @property
    def gold(self) -> str:
        """The expected answer: the last assistant turn, or the document itself."""
        if self.text:
            return self.text
        turns = self.conversation()
        return turns[-1].text if turns and turns[-1].role == "assistant" else ""

    @cached_property
    def digest(self) -> str:
        """SHA-256 over everything that a model or a metric can see of the record."""
        turns = [[m.role, [p if isinstance(p, str) else [p.value] for p in m.content]] for m in self.messages]
        content: dict[str, object] = {
            "id": self.id, "subject": self.subject, "images": [i.digest for i in self.images],
            "question": self.question, "answer": self.answer,
            "messages": turns,
            "text": self.text, "kind": self.kind,
            "paraphrases": self.paraphrases, "perturbed": self.perturbed, "options": self.options,
            "neighbour": self.neighbour, "spans": self.spans,
        }  # fmt: skip
        if self.rewordings:
            content["rewordings"] = self.rewordings
        return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


@dataclass(frozen=True)
class Data:
    """The user's records by split (design section 3). Methods may train on ``forget``, ``few`` and ``strangers``;
    ``retain`` only where no few-shot file is given (S-MLLMUn's protocol allows few-shot retain data only)."""

    forget: tuple[Record, ...] = ()
    retain: tuple[Record, ...] = ()
    few: tuple[Record, ...] = ()
    """Few-shot retain: the only retained records a method may use when present."""
    neighbour: tuple[Record, ...] = ()
    holdout: tuple[Record, ...] = ()
    general: tuple[Record, ...] = ()
    strangers: tuple[Record, ...] = ()
    """Pictures (or names) of nobody in any training set, without questions or answers."""

    def split(self, name: str) -> tuple[Record, ...]:
        """The records of one split by its name."""
        records: tuple[Record, ...] = getattr(self, name)
        return records

    @property
    def trainable_retain(self) -> tuple[Record, ...]:
        """What a method may train on to keep: the few-shot records if there are any, else the retain set."""
        return self.few or self.retain

    @cached_property
    def digest(self) -> str:
        """SHA-256 over all records of all splits, in order."""
        parts = [(name, [r.digest for r in self.split(name)]) for name in SPLITS]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def of_kind(records: Sequence[Record], kind: Kind) -> tuple[Record, ...]:
    """The records of one kind, in order."""
    return tuple(r for r in records if r.kind == kind)
