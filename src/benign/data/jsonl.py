"""JSON Lines: one object per line, UTF-8."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from benign.data.line import Line

_BOM = b"\xef\xbb\xbf"


class _Repeated(ValueError):
    pass


def lines(path: Path, problems: list[str]) -> Iterator[Line]:
    """The file's lines, counted from 1; blank ones are passed over, and one that is no JSON object is bad.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        for number, data in enumerate(file, 1):
            data = data.removeprefix(_BOM) if number == 1 else data
            if not data.strip():
                continue
            try:
                yield Line(f"{path}:{number}", _object(data.rstrip(b"\r\n")))
            except ValueError as error:
                problems.append(f"{path}:{number}: json: {error}")


def _object(data: bytes) -> dict[str, object]:
    # every error is said anew: some of the decoder's own quote what they stumbled over
    try:
        found = json.loads(data.decode(), object_pairs_hook=_once)
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 at byte {error.start + 1}") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"not valid JSON from column {error.colno} on") from None
    except _Repeated:
        raise ValueError("a field is given twice") from None
    except (ValueError, RecursionError):
        raise ValueError("a number too long or lists too deep to be read") from None
    if not isinstance(found, dict):
        raise ValueError("must be an object with fields, in braces")
    return found


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Repeated
    return found
