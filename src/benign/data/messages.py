"""Conversations in the chat format of transformers' chat templates."""

from __future__ import annotations

from typing import Literal, get_args

from benign.data.line import Line, described
from benign.data.record import Message, Slot

Role = Literal["system", "user", "assistant"]
ROLES: dict[str, Role] = {role: role for role in get_args(Role)}


def messages(line: Line, pictures: int, *, answered: bool) -> tuple[Message, ...]:
    """The line's conversation; empty where it has none or a faulty one.

    Args:
        line: Where ``messages`` stands, and where its problems go.
        pictures: How many pictures the record has; as many image parts must be in the messages.
        answered: Whether the last message must be the assistant's, with words in it.
    """
    entries = line.entries("messages")
    turns = tuple(_turn(line, number, entry) for number, entry in enumerate(entries, 1))
    if not turns or "messages" in line.faulty:
        return ()
    slots = sum(part is Slot.IMAGE for turn in turns for part in turn.content)
    if slots != pictures and "images" not in line.faulty:
        line.bad("messages", f"{slots} image part(s) for {pictures} picture(s)")
    if answered and turns[-1].role != "assistant":
        line.bad("messages", "the last message must be the assistant's")
    elif answered and not turns[-1].text.strip():
        line.bad("messages", "the last message has no words, give the expected answer or drop the line")
    return turns


def _turn(line: Line, number: int, entry: object) -> Message:
    nothing = Message("user", ())
    place = f"message {number}: "
    if not isinstance(entry, dict):
        line.bad("messages", f"{place}must be an object, not {described(entry)}")
        return nothing
    if entry.keys() - {"role", "content"}:
        line.bad("messages", f"{place}only role and content are known")
    role = entry.get("role")
    if not isinstance(role, str) or role not in ROLES:
        line.bad("messages", f"{place}role must be one of {', '.join(ROLES)}")
        return nothing
    if role == "system" and number > 1:
        line.bad("messages", f"{place}only the first message may be the system's")
    content = _content(line, place, entry.get("content"))
    if not content and "messages" not in line.faulty:
        line.bad("messages", f"{place}content is missing or empty")
    return Message(ROLES[role], content)


def _content(line: Line, place: str, content: object) -> tuple[str | Slot, ...]:
    if isinstance(content, list):
        return tuple(_part(line, f"{place}part {at}: ", part) for at, part in enumerate(content, 1))
    if content is None:
        return ()
    text = line.as_text("messages", content, place)
    return (text,) if text else ()


def _part(line: Line, place: str, part: object) -> str | Slot:
    given = {key: value for key, value in part.items() if value is not None} if isinstance(part, dict) else {}
    if given == {"type": "image"}:
        return Slot.IMAGE
    if given.get("type") == "image":
        line.bad("messages", f"{place}an image part only marks the place, the picture itself goes to images")
    elif given.get("type") == "text" and given.keys() == {"type", "text"}:
        return line.as_text("messages", given["text"], place)
    else:
        line.bad("messages", f'{place}must be {{"type": "text", "text": ...}} or {{"type": "image"}}')
    return ""
