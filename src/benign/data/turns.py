"""Turns of a record's conversation: what is asked last, and the record with something else there."""

from __future__ import annotations

from dataclasses import replace

from benign.data.record import Message, Record, Slot


def asked_question(record: Record) -> str:
    """The words of the last user turn; empty for a plain document."""
    users = [turn.text for turn in record.conversation() if turn.role == "user"]
    return users[-1] if users else ""


def reworded(record: Record, question: str) -> Record:
    """The record with another question in the last user turn; pictures and everything else stay."""
    if not record.messages:
        return replace(record, question=question)
    turns = list(record.messages)
    last = max(i for i, turn in enumerate(turns) if turn.role == "user")
    pictures = tuple(part for part in turns[last].content if isinstance(part, Slot))
    turns[last] = Message("user", (*pictures, question))
    return replace(record, messages=tuple(turns))


def begun(record: Record, length: int) -> Record | None:
    """The record with the first ``length`` characters of its answer behind the question, and only the rest expected;
    None where no rest of more than a character is left, or nothing is asked."""
    question = asked_question(record)
    beginning, rest = record.gold[:length], record.gold[length:]
    if not question or length >= len(record.gold) - 1 or not rest.strip():
        return None
    begun = reworded(record, f"{question} {beginning}".rstrip())
    if not record.messages:
        return replace(begun, answer=rest)
    return replace(begun, messages=(*begun.messages[:-1], Message("assistant", (rest,))))
