from __future__ import annotations

from dataclasses import replace

import pytest

from benign.data.record import ImageRef, Message, Record, Slot

CHAT = Record("a", messages=(Message("user", (Slot.IMAGE, "?")), Message("assistant", ("!",))))


@pytest.mark.parametrize("words", ["image", "Slot.IMAGE", "IMAGE"])
def test_digest_tells_a_picture_slot_from_words(words: str) -> None:
    turns = (Message("user", (words, "?")), CHAT.messages[1])
    assert replace(CHAT, messages=turns).digest != CHAT.digest


def test_digest_does_not_depend_on_where_the_picture_lies(tmp_path) -> None:
    (tmp_path / "p").write_bytes(b"x")
    embedded, filed = (replace(CHAT, images=(ref,)) for ref in (ImageRef(data=b"x"), ImageRef(path=tmp_path / "p")))
    assert embedded.digest == filed.digest != CHAT.digest
