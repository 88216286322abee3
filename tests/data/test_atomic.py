from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benign.data.atomic import TEMPORARY, replacing, replacing_folder, write_bytes, write_text
from benign.errors import UserError

SMALL_DISK = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
from benign.data.atomic import {name}
from benign.errors import UserError
try:
    {body}
except UserError as error:
    print(error)
    sys.exit(7)
"""


def on_a_small_disk(name: str, body: str) -> subprocess.CompletedProcess[str]:
    """Run code where no file may grow beyond 1000 bytes; status 7 stands for a UserError."""
    code = SMALL_DISK.format(name=name, body=body)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_write_makes_parents_and_leaves_nothing_else(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a" / "b.bin", b"\x00\r\n")
    write_text(str(tmp_path / "a" / "c.txt"), "zürich\r\n")
    assert (tmp_path / "a" / "b.bin").read_bytes() == b"\x00\r\n"
    assert (tmp_path / "a" / "c.txt").read_bytes() == "zürich\r\n".encode()
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == ["b.bin", "c.txt"]


def test_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_bytes(tmp_path / "atomic", b"x")
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_failed_block_leaves_the_old_file(tmp_path: Path) -> None:
    write_bytes(tmp_path / "f", b"old")
    with pytest.raises(KeyError), replacing(tmp_path / "f") as file:
        file.write(b"new")
        raise KeyError
    assert (tmp_path / "f").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["f"]


def test_new_file_is_not_seen_before_the_block_ends(tmp_path: Path) -> None:
    with replacing(tmp_path / "f") as file:
        file.write(b"new")
        file.flush()
        assert not (tmp_path / "f").exists()
        assert all(name.startswith(TEMPORARY) for name in os.listdir(tmp_path))
    assert (tmp_path / "f").read_bytes() == b"new"


def test_bytes_are_on_disk_before_the_rename_and_the_folder_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def noted(handle: int) -> None:
        seen.append(((tmp_path / "f").exists(), Path(f"/proc/self/fd/{handle}").readlink().name))

    monkeypatch.setattr(os, "fsync", noted)
    write_bytes(tmp_path / "f", b"x")
    (before, file), folder = seen
    assert (before, file.startswith(TEMPORARY)) == (False, True)
    assert folder == (True, tmp_path.name)


@pytest.mark.parametrize("size", [1001, 10_000_000])
def test_full_disk_is_one_clear_error_and_the_old_file_stays(tmp_path: Path, size: int) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"old")
    run = on_a_small_disk("write_bytes", f"write_bytes({str(path)!r}, bytes({size}))")
    assert (run.returncode, run.stderr) == (7, "")
    assert run.stdout.startswith(f"{path}: the file is larger than this system allows, nothing was written (")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["f"]


def test_unwritable_place_is_a_user_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        write_bytes(tmp_path / "file" / "inner", b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match="cannot be written: Is a directory"):
        write_bytes(tmp_path / "folder", b"")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_error_of_the_block_itself_is_not_renamed(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "f"):
        (tmp_path / "missing").read_bytes()


def test_folder_is_replaced_whole(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").touch()
    with replacing_folder(tmp_path / "out") as folder:
        (folder / "inner").mkdir()
        (folder / "inner" / "new").write_text("x")
        assert os.listdir(tmp_path / "out") == ["old"]
    assert os.listdir(tmp_path) == ["out"]
    assert os.listdir(tmp_path / "out") == ["inner"]
    assert (tmp_path / "out" / "inner" / "new").read_text() == "x"


def test_failed_block_leaves_the_old_folder(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").touch()
    with pytest.raises(KeyError), replacing_folder(tmp_path / "out") as folder:
        (folder / "new").touch()
        raise KeyError
    assert os.listdir(tmp_path) == ["out"]
    assert os.listdir(tmp_path / "out") == ["old"]


def test_folder_does_not_replace_a_file(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(UserError, match="is a file"), replacing_folder(tmp_path / "out"):
        pass
    assert os.listdir(tmp_path) == ["out"]


def test_full_disk_in_a_folder(tmp_path: Path) -> None:
    body = f"with replacing_folder({str(tmp_path / 'out')!r}) as f: (f / 'x').write_bytes(bytes(9999))"
    run = on_a_small_disk("replacing_folder", body)
    assert (run.returncode, run.stderr) == (7, "")
    assert "nothing was written" in run.stdout
    assert os.listdir(tmp_path) == []


def test_swap_that_fails_puts_the_old_folder_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").touch()
    real, calls = Path.rename, []

    def second_fails(self: Path, target: Path) -> Path:
        calls.append(self)
        if len(calls) == 2:
            raise PermissionError(13, "Permission denied")
        return real(self, target)

    with pytest.raises(UserError, match="Permission denied"), replacing_folder(tmp_path / "out") as folder:
        (folder / "new").touch()
        monkeypatch.setattr(Path, "rename", second_fails)
    assert len(calls) == 3
    assert os.listdir(tmp_path / "out") == ["old"]
