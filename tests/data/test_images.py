from __future__ import annotations

import hashlib
import os
import struct
import zlib
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from benign.data.images import FORMATS, BadPicture, Pictures, check, encoded, open_image, path_problem, suffix
from benign.data.record import ImageRef
from benign.errors import UserError


def png_with_header(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header promises this size."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_is_read_and_opened(picture, tmp_path: Path, format: str) -> None:
    data = picture(1, format)
    (tmp_path / "p").write_bytes(data)
    ref = Pictures(tmp_path).at("p")
    assert ref.digest == hashlib.sha256(data).hexdigest()
    image = open_image(ref)
    assert (image.mode, image.size) == ("RGB", (8, 6))
    assert image.tobytes() == Image.open(BytesIO(data)).convert("RGB").tobytes()


@pytest.mark.parametrize("format", FORMATS)
def test_a_file_cut_off_anywhere_is_refused_or_still_whole(picture, format: str) -> None:
    data = picture(2, format)
    whole = open_image(ImageRef(data=data)).tobytes()
    refused = 0
    for end in range(len(data)):
        try:
            check(data[:end])
        except BadPicture:
            refused += 1
        else:
            assert open_image(ImageRef(data=data[:end])).tobytes() == whole, f"cut at {end}"
    assert refused > len(data) // 2


def test_jpeg_thumbnail_does_not_hide_a_cut_off_picture(picture) -> None:
    thumbnail = picture(3, "JPEG")
    segment = b"\xff\xe2" + struct.pack(">H", len(thumbnail) + 2) + thumbnail
    data = picture(4, "JPEG", size=(64, 64))
    data = data[:2] + segment + data[2:]
    check(data)
    with pytest.raises(BadPicture, match="cut off"):
        check(data[:-40])


def test_jpeg_with_bytes_after_its_end_is_read(picture) -> None:
    check(picture(5, "JPEG") + b"a phone's motion picture \xff\xda follows")


def test_progressive_jpeg_is_read() -> None:
    file = BytesIO()
    Image.new("RGB", (40, 40), "teal").save(file, "JPEG", progressive=True)
    check(file.getvalue())


@pytest.mark.parametrize("side", [9_000, 12_000, 60_000, 2**31 - 1])
def test_bomb_is_refused_from_its_header(side: int) -> None:
    with pytest.raises(BadPicture, match="more than 64 million pixels"):
        check(png_with_header(side, side))


def test_the_pixel_limit_is_exact(picture) -> None:
    data = picture(6, size=(10, 10))
    check(data, max_pixels=100)
    with pytest.raises(BadPicture, match="pixels"):
        check(data, max_pixels=99)
    with pytest.raises(UserError, match="pixels"):
        open_image(ImageRef(data=data), max_pixels=99)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        (b"just words", "broken, or none of PNG, JPEG"),
        (b"%PDF-1.4", "broken, or none of"),
        (b"\x89PNG\r\n\x1a\n", "broken"),
    ],
)
def test_what_is_no_picture_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(BadPicture, match=reason):
        check(data)


def test_flipped_byte_in_a_png_is_noticed(picture) -> None:
    data = bytearray(picture(7))
    data[-20] ^= 1
    with pytest.raises(BadPicture, match="broken"):
        check(bytes(data))


def test_other_formats_of_pillow_are_refused(picture) -> None:
    with pytest.raises(BadPicture, match="none of"):
        check(picture(8, "PPM"))


@pytest.mark.parametrize("mode", ["I;16", "I", "F"])
def test_deep_grey_levels_are_refused_not_clipped(mode: str) -> None:
    file = BytesIO()
    Image.new(mode, (4, 4)).save(file, "TIFF")
    with pytest.raises(BadPicture, match="8 bits"):
        check(file.getvalue())


def test_exif_orientation_is_applied(picture) -> None:
    image = Image.open(BytesIO(picture(9)))
    exif = Image.Exif()
    exif[0x0112] = 6
    file = BytesIO()
    image.save(file, "PNG", exif=exif)
    assert open_image(ImageRef(data=file.getvalue())).size == (6, 8)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK"])
def test_every_mode_becomes_rgb(picture, mode: str) -> None:
    format = "TIFF" if mode == "CMYK" else "PNG"
    assert open_image(ImageRef(data=picture(10, format, mode=mode))).mode == "RGB"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("/etc/passwd", "absolute"),
        ("C:\\x.png", "absolute"),
        ("C:x.png", "absolute"),
        ("\\\\server\\x.png", "absolute"),
        ("../x.png", r"\.\."),
        ("a/../../x.png", r"\.\."),
        ("a\\..\\x.png", r"\.\."),
    ],
)
def test_path_that_leaves_the_folder_is_refused(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(BadPicture, match=reason):
        Pictures(tmp_path).at(name)


def test_ordinary_paths_are_allowed() -> None:
    assert [path_problem(name) for name in ("a.png", "a/b..c.png", "./a.png", "zürich 1.jpg")] == [""] * 4


def test_link_out_of_the_folder_is_refused_and_one_within_is_not(picture, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (tmp_path / "secret.png").write_bytes(picture(11))
    (folder / "own.png").write_bytes(picture(12))
    (folder / "out.png").symlink_to(tmp_path / "secret.png")
    (folder / "up").symlink_to(tmp_path)
    (folder / "in.png").symlink_to(folder / "own.png")
    for name in ("out.png", "up/secret.png"):
        with pytest.raises(BadPicture, match="leads out"):
            Pictures(folder).at(name)
    assert Pictures(folder).at("in.png").digest == Pictures(folder).at("own.png").digest


@pytest.mark.parametrize("name", ["missing.png", "folder", "loop", "pipe", "x" * 5000, "a\0b", "\udcff.png", "\ud800"])
def test_what_is_no_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadPicture, match="no such file"):
        Pictures(tmp_path).at(name)


def test_huge_file_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "huge.png").open("wb") as file:
        file.truncate(300 * 2**20)  # sparse: takes no space
    with pytest.raises(BadPicture, match="256 MiB"):
        Pictures(tmp_path).at("huge.png")


def test_shared_picture_is_checked_once(picture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "p.png").write_bytes(picture(13))
    seen = []
    monkeypatch.setattr("benign.data.images.check", lambda data, max_pixels: seen.append(data))
    pictures = Pictures(tmp_path)
    assert pictures.at("p.png") is pictures.at("./p.png")
    assert pictures.embedded(b"x") is pictures.embedded(b"x")
    assert len(seen) == 2


def test_bad_picture_is_bad_every_time(tmp_path: Path) -> None:
    pictures = Pictures(tmp_path)
    for _ in range(2):
        with pytest.raises(BadPicture):
            pictures.embedded(b"no picture")


def test_file_changed_since_it_was_read_is_noticed(picture, tmp_path: Path) -> None:
    path = tmp_path / "zorblax.png"
    path.write_bytes(picture(14))
    ref = Pictures(tmp_path).at("zorblax.png")
    path.write_bytes(picture(15))
    with pytest.raises(UserError, match="has changed") as error:
        open_image(ref)
    assert "zorblax" not in str(error.value)
    assert ref.digest[:16] in str(error.value)
    path.unlink()
    with pytest.raises(UserError, match="gone") as error:
        encoded(ref)
    assert "zorblax" not in str(error.value)


def test_broken_picture_never_read_before_is_a_user_error() -> None:
    with pytest.raises(UserError, match="broken"):
        open_image(ImageRef(data=b"no picture"))


@pytest.mark.parametrize("format", FORMATS)
def test_suffix_tells_the_format(picture, format: str) -> None:
    end = suffix(picture(16, format))
    assert Image.registered_extensions()[end] == format


def test_suffix_of_what_is_unknown_is_empty() -> None:
    assert suffix(b"words") == suffix(b"") == ""
