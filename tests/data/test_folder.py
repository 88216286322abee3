from __future__ import annotations

import os
from pathlib import Path

from benign.data.folder import picture_lines


def test_pictures_come_in_the_order_of_their_names_with_inner_folders(tmp_path: Path) -> None:
    for name in ("b.png", "a.jpg", "in/c.png", ".hidden.png", ".git/d.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = list(picture_lines(tmp_path))
    assert [line.raw for line in found] == [{"id": name, "images": [name]} for name in ("a.jpg", "b.png", "in/c.png")]
    assert found[2].where == f"{tmp_path}/in/c.png"


def test_name_that_is_not_utf8_can_be_shown(tmp_path: Path) -> None:
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png"))).touch()
    (line,) = picture_lines(tmp_path)
    assert line.where == f"{tmp_path}/\\udcff.png"
