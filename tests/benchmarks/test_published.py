"""Published files: one reader for all their forms, and every fault told at once by file, line and field."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from benign.benchmarks.protocol import Brought
from benign.benchmarks.published import Published, opened, write_tables
from benign.data.line import Line
from benign.data.record import Record
from benign.errors import BadRecords, UserError

ROWS = [{"text": "one", "n": 1}, {"text": "two", "n": 2}, {"text": "three", "n": 3}]


def told(line: Line, number: int) -> Record:
    return Record(f"t/{number}", text=line.identifier("text"))


def source(folder: Path) -> Published:
    return Published("TEST", "someone/TEST", folder)


def put(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("form", ["lines", "list", "whole", "parts", "texts", "bom"])
def test_one_table_reads_the_same_in_every_form(form: str, tmp_path: Path) -> None:
    lines = "".join(json.dumps(row) + "\n" for row in ROWS)
    (tmp_path / "a").mkdir()
    if form == "lines":
        put(tmp_path, "a/t.json", lines)
    elif form == "bom":
        put(tmp_path, "a/t.jsonl", "\ufeff" + lines)
    elif form == "list":
        put(tmp_path, "a/t.json", json.dumps(ROWS, indent=1))
    elif form == "whole":
        parquet.write_table(pyarrow.Table.from_pylist(ROWS), tmp_path / "a" / "t.parquet")
    elif form == "parts":
        for i, part in enumerate((ROWS[:2], ROWS[2:])):
            parquet.write_table(pyarrow.Table.from_pylist(part), tmp_path / "a" / f"t-0000{i}-of-00002.parquet")
    else:
        put(tmp_path, "a/t.txt", "one\n\ntwo\nthree\n")
    files = source(tmp_path)
    found = files.records("a/t", build=told)
    files.check()
    assert [(record.id, record.text) for record in found] == [("t/0", "one"), ("t/1", "two"), ("t/2", "three")]


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    write_tables(tmp_path, {"a/objects": ROWS, "texts": ["é 1", "2"]})
    files = source(tmp_path)
    assert [line.raw for line in files.lines("a/objects")] == ROWS
    assert [line.raw for line in files.lines("texts")] == [{"text": "é 1"}, {"text": "2"}]


def test_the_first_name_that_is_there_is_read(tmp_path: Path) -> None:
    put(tmp_path, "second.txt", "b\n")
    put(tmp_path, "third.txt", "c\n")
    files = source(tmp_path)
    assert [line.raw["text"] for line in files.lines("first", "second", "third")] == ["b"]
    files.check()


def test_a_corpus_may_mix_objects_and_bare_texts(tmp_path: Path) -> None:
    put(tmp_path, "c.jsonl", '{"text": "one"}\n"two"\nthree {\n\n4\n')
    files = source(tmp_path)
    assert [r.text for r in files.records("c", build=told, raw=True)] == ["one", "two", "three {", "4"]
    files.check()
    strict = source(tmp_path)
    strict.records("c", build=told)
    with pytest.raises(BadRecords):
        strict.check()


def test_every_fault_is_told_by_file_line_and_field_and_where_the_data_are_published(tmp_path: Path) -> None:
    put(tmp_path, "a.json", '{"text": "fine"}\n{"txt": "x"}\n{"text": 3.5}\n{"text": "fine"\n')
    put(tmp_path, "b.json", "[1, {}")
    put(tmp_path, "empty.json", "")
    files = source(tmp_path)
    for name in ("a", "b", "empty", "gone"):
        files.records(name, build=told)
    with pytest.raises(BadRecords) as error:
        files.check()
    heads = sorted(problem.removeprefix(str(tmp_path)).removeprefix("/") for problem in error.value.problems)
    assert heads.pop(0) == ": file: gone is missing"
    assert heads[0] == "a.json:2: text: missing"
    assert heads[1] == "a.json:3: text: must be text, not a number"
    assert heads[2].startswith("a.json:4: ") and "JSON" in heads[2]
    assert heads[3] == "b.json: file: not valid JSON"
    assert heads[4:] == ["empty: file: no entries in it"]
    assert error.value.fix == "nothing was read; TEST is published as someone/TEST"


def test_all_missing_tables_are_named_with_their_other_names_and_optional_ones_are_not(tmp_path: Path) -> None:
    files = source(tmp_path)
    files.records("one", build=told)
    files.records("two", "zwei", build=told)
    files.records("one", build=told)
    assert files.records("three", build=told, optional=True) == ()
    with pytest.raises(UserError) as error:
        files.check()
    line = error.value.line()
    assert "TEST files are missing: one, two or zwei (one of .json" in line and "three" not in line
    assert str(tmp_path) in line and line.endswith("(they are published as someone/TEST)") and "\n" not in line


def test_broken_files_are_faults_and_no_tracebacks(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(b"PAR1 is not what follows")
    (tmp_path / "l.txt").write_bytes(b"\xff\xfe\xfa")
    files = source(tmp_path)
    files.records("t", build=told)
    files.records("l", build=told)
    assert [problem.removeprefix(f"{tmp_path}/") for problem in files.problems] == [
        "t.parquet: file: broken, or no Parquet file", "l.txt: file: not UTF-8",
    ]  # fmt: skip


def test_a_folder_that_is_not_there_is_said_with_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no such folder: .*gone \(TEST is published as someone/TEST\)"):
        opened("TEST", "someone/TEST", str(tmp_path / "gone"), dict)
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="no such folder"):
        opened("TEST", "someone/TEST", str(tmp_path / "file"), dict)


def test_what_is_brought_comes_whole() -> None:
    with pytest.raises(UserError, match="--model"):
        Brought(data="folder")
    with pytest.raises(UserError, match="--data"):
        Brought(original="model")
    with pytest.raises(UserError, match="--retrained"):
        Brought(retrained="model")
    assert not Brought().anything
    digests = {b.digest for b in (Brought("a", "b"), Brought("a", "c"), Brought("ab", "c"), Brought("a", "b", "c"))}
    assert len(digests) == 4
