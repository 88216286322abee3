"""A benchmark's files as their authors publish them: found, read row by row, and every fault said at once.

A table is named after its place below the benchmark's folder, without the ending: ``knowmem/forget_qa``. It may be a
JSON list, JSON lines (the hub's ``.json`` files are often that), Parquet in one or several parts as the hub stores it,
or a text with an entry per line.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from benign.data import jsonl
from benign.data.atomic import write_text
from benign.data.images import BadPicture, Pictures
from benign.data.line import Line, described
from benign.data.record import ImageRef, Record
from benign.errors import BadRecords, UserError

Row = Mapping[str, object]
Tables = Mapping[str, Sequence[Row | str]]
"""Rows by the table's name; a row that is a text has no other field."""
Stored = Mapping[str, bytes]
"""Picture files by their paths below the folder, where the tables name pictures and do not hold them."""
Build = Callable[[Line, int], Record]
"""A record of a line and its number from 0; what is wrong is noted on the line."""
_ENDINGS = (".json", ".jsonl", ".parquet", ".txt")
_WANTED = tuple(f"*{ending}" for ending in (*_ENDINGS, ".jpg", ".png"))


@dataclass
class Published:
    """The tables of one benchmark, in a folder or in memory."""

    benchmark: str
    """Its name, for errors."""
    hub: str
    """Where it is published: a data set's id on the hub, or an address."""
    root: Path = Path()
    tables: Tables | None = None
    """The rows where they are not files: small data made here, in the published form."""
    stored: Stored = field(default_factory=dict)
    """The pictures beside such rows."""
    problems: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @cached_property
    def pictures(self) -> Pictures:
        """The tables' pictures, each checked once."""
        return Pictures(self.root)

    def picture(self, line: Line, name: str, value: object) -> tuple[ImageRef, ...]:
        """A picture as the hub's Parquet files hold it, bytes in an object; none, and a problem, where it is bad."""
        data = value.get("bytes") if isinstance(value, Mapping) else None
        if not isinstance(data, bytes):
            line.bad(name, f"must be a picture with its bytes, not {described(value)}")
            return ()
        try:
            return (self.pictures.embedded(data),)
        except BadPicture as error:
            line.bad(name, str(error))
            return ()

    def picture_at(self, line: Line, name: str, *, above: str = "") -> tuple[ImageRef, ...]:
        """A picture by its path; none, and a problem, where it is bad.

        Args:
            line: The row.
            name: The field with the path.
            above: What the authors call the folder, where their paths begin above it.
        """
        given = line.identifier(name).removeprefix("./")
        path = given.removeprefix(f"{above}/")
        if not path:
            return ()
        if self.tables is not None:
            return self.picture(line, name, {"bytes": self.stored.get(path)})
        problems = []
        for way in (path, given):
            try:
                return (self.pictures.at(way),)
            except BadPicture as error:
                problems.append(str(error))
        line.bad(name, problems[0])
        return ()

    def records(self, *names: str, build: Build, optional: bool = False, raw: bool = False) -> tuple[Record, ...]:
        """A table's records; the faults of its rows are kept for :meth:`check`.

        Args:
            names: The names that the table is published under; the first that is there is read.
            build: Makes a record of a line.
            optional: Whether the benchmark can be run without it.
            raw: Whether a line that is no JSON is a text as it stands.
        """
        found = []
        for number, line in enumerate(self.lines(*names, optional=optional, raw=raw)):
            record = build(line, number)
            self.problems += line.problems
            found.append(record)
        return tuple(found)

    def lines(self, *names: str, optional: bool = False, raw: bool = False) -> list[Line]:
        """A table's rows with their places, ``file:number`` counted from 1; none where it is missing."""
        name = next((name for name in names if self._there(name)), None)
        if name is None:
            if not optional:
                self.missing.append(" or ".join(names))
            return []
        before = len(self.problems)
        rows = list(self._rows(name, raw))
        if not rows and len(self.problems) == before:
            self.problems.append(f"{name}: file: no entries in it")
        return rows

    def check(self) -> None:
        """Refuse files with faults.

        Raises:
            BadRecords: All the faults of all the tables that were read.
            UserError: Tables are missing; all of them are named, and where they are published.
        """
        missing = tuple(dict.fromkeys(self.missing))
        if self.problems:
            problems = [*self.problems, *(f"{self.root}: file: {name} is missing" for name in missing)]
            raise BadRecords(problems, fix=f"nothing was read; {self.benchmark} is published as {self.hub}")
        if missing:
            what = f"{self.benchmark} files are missing: {', '.join(missing)} (one of {', '.join(_ENDINGS)})"
            raise UserError(what, where=str(self.root), fix=f"they are published as {self.hub}")

    def _there(self, name: str) -> bool:
        return name in self.tables if self.tables is not None else bool(self._parts(name))

    def _parts(self, name: str) -> list[Path]:
        whole = [path for ending in _ENDINGS if (path := self.root / f"{name}{ending}").is_file()]
        return whole[:1] or sorted(self.root.glob(f"{name}-*.parquet"))

    def _rows(self, name: str, raw: bool) -> Iterator[Line]:
        if self.tables is not None:
            yield from _numbered(name, self.tables[name], self.problems)
            return
        for path in self._parts(name):
            try:
                yield from _file_rows(path, self.problems, raw)
            except OSError as error:
                self.problems.append(f"{path}: file: cannot be read: {error.strerror or type(error).__name__}")


def opened(
    benchmark: str, hub: str, given: str, tables: Callable[[], Tables], stored: Callable[[], Stored] = dict
) -> Published:
    """The files that a user brings, or small data in the same form where there are none.

    Args:
        benchmark: Its name, for errors.
        hub: Where it is published.
        given: A folder, or the id of a data set on the hub; empty for the small data.
        tables: Makes the small data.
        stored: Makes their pictures, where the tables only name them.

    Raises:
        UserError: There is no such folder and the hub does not give the data set.
    """
    if not given:
        return Published(benchmark, hub, tables=tables(), stored=stored())
    folder = Path(given).expanduser()
    if not folder.is_dir():
        if folder.exists() or given.startswith((".", "/", "~")) or given.count("/") != 1:
            raise UserError(f"no such folder: {given}", where="--data", fix=f"{benchmark} is published as {hub}")
        folder = _downloaded(given)
    return Published(benchmark, hub, folder)


def write_tables(folder: Path, tables: Tables, stored: Stored | None = None) -> None:
    """Write tables in the published form: lines of JSON objects, a JSON list of texts, Parquet for pictures.

    ``stored`` are picture files beside them.
    """
    for name, data in (stored or {}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    for name, rows in tables.items():
        path = folder / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        if rows and _pictured(rows[0]):
            _write_parquet(path.with_suffix(".parquet"), rows)
        elif rows and isinstance(rows[0], str):
            write_text(path, json.dumps(list(rows), indent=1, ensure_ascii=False) + "\n")
        else:
            write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def _pictured(row: Row | str) -> bool:
    return not isinstance(row, str) and ("image" in row or "images" in row)


def _write_parquet(path: Path, rows: Sequence[Row | str]) -> None:
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(pyarrow.Table.from_pylist(list(rows)), path)


def _downloaded(given: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(given, repo_type="dataset", allow_patterns=list(_WANTED)))
    except Exception as error:  # The hub's errors share no base class.
        first = str(error).strip().partition("\n")[0]
        raise UserError(f"{given} is neither a folder nor a data set that the hub lets you have: {first}") from error


def _file_rows(path: Path, problems: list[str], raw: bool) -> Iterator[Line]:
    if path.suffix == ".parquet":
        return _parquet_rows(path, problems)
    if path.suffix == ".txt":
        return _numbered(str(path), [one for one in _text(path, problems).splitlines() if one.strip()], problems)
    with path.open("rb") as file:
        start = file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"["):
        return _list_rows(path, problems)
    return _raw_rows(path, problems) if raw else jsonl.lines(path, problems)


def _list_rows(path: Path, problems: list[str]) -> Iterator[Line]:
    try:
        entries = json.loads(_text(path, problems))
    except (ValueError, RecursionError):
        problems.append(f"{path}: file: not valid JSON")
        return
    yield from _numbered(str(path), entries, problems)


def _raw_rows(path: Path, problems: list[str]) -> Iterator[Line]:
    """WMDP's corpora: objects with a ``text`` in one file, bare texts in the next (centerforaisafety/wmdp, issue 3)."""
    for number, one in enumerate(_text(path, problems).splitlines(), 1):
        try:
            found = json.loads(one)
        except (ValueError, RecursionError):
            found = one
        if one.strip():
            yield from _numbered(str(path), [found if isinstance(found, dict | str) else one], problems, number)


def _parquet_rows(path: Path, problems: list[str]) -> Iterator[Line]:
    import pyarrow
    from pyarrow import parquet

    try:
        rows = parquet.read_table(path).to_pylist()
    except pyarrow.ArrowException:
        problems.append(f"{path}: file: broken, or no Parquet file")
        return
    yield from _numbered(str(path), rows, problems)


def _numbered(where: str, rows: Iterable[object], problems: list[str], first: int = 1) -> Iterator[Line]:
    for number, row in enumerate(rows, first):
        if isinstance(row, str):
            yield Line(f"{where}:{number}", {"text": row})
        elif isinstance(row, Mapping):
            yield Line(f"{where}:{number}", row)
        else:
            problems.append(f"{where}:{number}: must be an object or a text, not {described(row)}")


def _text(path: Path, problems: list[str]) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        problems.append(f"{path}: file: not UTF-8")
        return ""
