"""Records whose conversation is longer than the question: turns before it, and an answer that is already begun."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from benign.data.record import Message, Record


def chat(record: Record, turns: Sequence[Message]) -> Record:
    """The record as this conversation; its pictures and what is expected of it stay."""
    return replace(record, question="", answer="", messages=tuple(turns), spans=())


def preceded(record: Record, turns: Sequence[Message]) -> Record:
    """The record with earlier turns before its own, behind the system's if it has one."""
    own = record.conversation()
    system = own[:1] if own and own[0].role == "system" else ()
    return chat(record, (*system, *turns, *own[len(system) :]))


def begun(record: Record, beginning: str, rest: str | None = None) -> Record:
    """The record with its answer begun in the assistant's own turn: the model goes on after ``beginning``.

    Args:
        record: A question.
        beginning: What the model has said already; no metric sees it.
        rest: What is expected after it; the whole answer where nothing else is given.
    """
    own = record.conversation()
    asked = own[:-1] if own and own[-1].role == "assistant" else own
    answer = record.gold if rest is None else rest
    return chat(record, (*asked, Message("assistant", (beginning,)), Message("assistant", (answer,))))
