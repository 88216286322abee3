"""Pictures: found without leaving the data folder, checked before anything is decoded, opened as RGB."""

from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

from benign.data.record import ImageRef
from benign.errors import UserError

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
"""The formats that are read; of an animated one, the first frame."""
MAX_PIXELS = 64_000_000
"""The largest picture that is decoded, in pixels; Pillow's own limit stays in force above it."""
MAX_BYTES = 256 * 2**20
"""The largest picture file that is read, in bytes."""

_BROKEN = "broken or cut off"
_STARTS = {
    b"\x89PNG": ".png", b"\xff\xd8": ".jpg", b"BM": ".bmp", b"GIF8": ".gif", b"II*": ".tif", b"MM": ".tif",
}  # fmt: skip


class BadPicture(Exception):
    """Why a picture cannot be used. It never holds the picture's name, which may name a person."""


class Pictures:
    """The checked pictures of one file of records; a picture that many records share is checked once.

    Args:
        root: The data folder: paths are relative to it and may not leave it.
        max_pixels: The largest picture allowed, in pixels.
    """

    def __init__(self, root: Path, *, max_pixels: int = MAX_PIXELS) -> None:
        self._root = root.resolve()
        self._max_pixels = max_pixels
        self._by_path: dict[Path, ImageRef | BadPicture] = {}
        self._by_digest: dict[str, ImageRef | BadPicture] = {}

    def at(self, name: str) -> ImageRef:
        """The picture at a path relative to the data folder, with its digest taken.

        Raises:
            BadPicture: The path leaves the folder, or no usable picture is there.
        """
        path = self._inside(name)
        if path not in self._by_path:
            self._by_path[path] = self._checked(ImageRef(path=path))
        return _good(self._by_path[path])

    def embedded(self, data: bytes) -> ImageRef:
        """The picture with these bytes.

        Raises:
            BadPicture: The bytes are no usable picture.
        """
        digest = hashlib.sha256(data).hexdigest()
        if digest not in self._by_digest:
            self._by_digest[digest] = self._checked(ImageRef(data=data))
        return _good(self._by_digest[digest])

    def _inside(self, name: str) -> Path:
        reason = path_problem(name)
        if reason:
            raise BadPicture(reason)
        try:
            path = (self._root / name).resolve()
            if not path.is_relative_to(self._root):
                raise BadPicture("a link that leads out of the data folder")
            if not path.is_file():
                raise BadPicture("no such file")
            if path.stat().st_size > MAX_BYTES:
                raise BadPicture(f"larger than {MAX_BYTES // 2**20} MiB")
        except (OSError, ValueError, RuntimeError) as error:
            raise BadPicture("no such file") from error  # a name too long, not encodable, or a loop of links
        return path

    def _checked(self, ref: ImageRef) -> ImageRef | BadPicture:
        try:
            check(ref.encoded(), max_pixels=self._max_pixels)
            _ = ref.digest  # taken now: open_image() notices a file that changed since
        except OSError:
            return BadPicture("cannot be read, look at the file's permissions")
        except BadPicture as problem:
            return problem
        return ref


def path_problem(name: str) -> str:
    """Why a picture's path cannot stand in a data file (absolute, or with ``..``); empty if it can."""
    ways = (PurePosixPath(name), PureWindowsPath(name))
    if not name.strip():
        return "empty path"
    if any(way.anchor for way in ways):
        return "absolute path, give one relative to the data folder"
    if any(".." in way.parts for way in ways):
        return "'..' in the path, pictures must lie below the data folder"
    return ""


def check(data: bytes, *, max_pixels: int = MAX_PIXELS) -> None:
    """Check a picture file's bytes: format, size and completeness; PNG and JPEG are not decoded for it.

    Raises:
        BadPicture: Not one of ``FORMATS``, more than ``max_pixels`` pixels, more than 8 bits, or broken.
    """
    image = _header(data, max_pixels)
    if image.format in ("JPEG", "MPO"):
        if not _jpeg_ends(data):
            raise BadPicture(_BROKEN)
        return
    try:
        # verify() checks PNG alone; the other formats have no checksum, and decoding them is the check
        image.verify() if image.format == "PNG" else image.load()
    except Exception as error:
        raise BadPicture(_BROKEN) from error


def encoded(ref: ImageRef) -> bytes:
    """The picture file's bytes, the same as when the record was read.

    Raises:
        UserError: The file is gone or has changed since. The picture is named by its digest, not its path.
    """
    try:
        data = ref.encoded()
        changed = ref.path is not None and hashlib.sha256(data).hexdigest() != ref.digest
    except OSError:
        raise _unusable(ref, "the picture's file is gone or cannot be read") from None
    if changed:
        raise _unusable(ref, "the picture's file has changed since it was read")
    return data


def open_image(ref: ImageRef, *, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """The decoded picture in RGB, upright as its EXIF orientation says, alpha dropped.

    Raises:
        UserError: As for :func:`encoded`, and where the picture cannot be decoded.
    """
    from PIL import ImageOps

    data = encoded(ref)
    try:
        return ImageOps.exif_transpose(_header(data, max_pixels)).convert("RGB")
    except BadPicture as problem:
        raise _unusable(ref, str(problem)) from problem
    except Exception as error:
        raise _unusable(ref, _BROKEN) from error


def suffix(data: bytes) -> str:
    """The file name extension for a picture's bytes, by its first bytes; empty for an unknown format."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return ".webp"
    return next((end for start, end in _STARTS.items() if data.startswith(start)), "")


def _header(data: bytes, max_pixels: int) -> Image.Image:
    """The opened picture, not yet decoded."""
    from PIL import Image, UnidentifiedImageError

    too_large = f"more than {max_pixels / 1e6:g} million pixels"
    if not data:
        raise BadPicture("empty file")
    try:
        image = Image.open(BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadPicture(too_large) from error
    except UnidentifiedImageError as error:
        raise BadPicture(f"broken, or none of {', '.join(FORMATS)}") from error
    except Exception as error:  # Pillow's readers raise anything on a hostile header
        raise BadPicture(_BROKEN) from error
    if image.width * image.height > max_pixels:
        raise BadPicture(too_large)
    if image.mode.startswith(("I", "F")):
        # Pillow would clip these to white without a word
        raise BadPicture("more than 8 bits per channel, convert it to 8 bits first")
    return image


def _jpeg_ends(data: bytes) -> bool:
    """Whether an end marker follows the start of the first scan; thumbnails in front of it have their own."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        if data[at + 1] == 0xFF:
            at += 1  # fill byte
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return data.find(b"\xff\xd9", at) >= 0


def _good(seen: ImageRef | BadPicture) -> ImageRef:
    if isinstance(seen, BadPicture):
        raise seen
    return seen


def _unusable(ref: ImageRef, reason: str) -> UserError:
    # a picture whose digest was never taken and whose file is gone has no name that may be shown
    known = ref.__dict__.get("digest", "")
    where = f"picture {known[:16]}".strip()
    return UserError(reason, where=where, fix="read the data again to find its line")
