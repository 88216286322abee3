from __future__ import annotations

import builtins
from pathlib import Path

import pyarrow
import pytest
from datasets import Dataset, Features, Image, List, Value, disable_progress_bars
from pyarrow import parquet

from benign.data.table import parquet_lines, saved_lines

disable_progress_bars()


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    parquet.write_table(pyarrow.Table.from_pylist(rows), path, row_group_size=3)
    return path


def test_rows_count_from_one_over_all_batches(tmp_path: Path) -> None:
    path = write(tmp_path / "f.parquet", [{"id": str(number), "answer": None} for number in range(600)])
    problems: list[str] = []
    found = list(parquet_lines(path, problems))
    assert [line.where for line in found] == [f"{path}:{number}" for number in range(1, 601)]
    assert found[599].raw == {"id": "599", "answer": None}
    assert problems == []


def test_unknown_column_is_one_problem_and_not_one_per_row(tmp_path: Path) -> None:
    path = write(tmp_path / "f.parquet", [{"id": "a", "anwser": "x", "Zorblax Quimby": 1}] * 9)
    problems: list[str] = []
    assert [line.raw for line in parquet_lines(path, problems)] == [{"id": "a"}] * 9
    assert problems[0] == f"{path}: anwser: unknown field, did you mean answer?"
    assert problems[1].startswith(f"{path}: field 3: unknown, the known fields are id, ")
    assert len(problems) == 2


@pytest.mark.parametrize("damage", ["empty", "words", "cut", "page"])
def test_broken_parquet_is_one_problem(tmp_path: Path, damage: str) -> None:
    path = write(tmp_path / "f.parquet", [{"id": "Zorblax" * 50}] * 9)
    data = path.read_bytes()
    page = data[:4] + bytes(60) + data[64:]
    path.write_bytes({"empty": b"", "words": b"Zorblax", "cut": data[:-30], "page": page}[damage])
    problems: list[str] = []
    assert list(parquet_lines(path, problems)) == []
    assert problems == [f"{path}: file: broken, or no Parquet file"]


def saved(path: Path, picture: bytes, **more: object) -> Path:
    features = Features({"id": Value("string"), "images": List(Image()), **dict.fromkeys(more, Value("string"))})
    rows = {"id": ["a"], "images": [[{"bytes": picture, "path": None}]], **{k: [v] for k, v in more.items()}}
    Dataset.from_dict(rows, features=features).save_to_disk(str(path))
    return path


def test_saved_folder_hands_over_the_stored_bytes(picture, tmp_path: Path) -> None:
    path = saved(tmp_path / "saved", picture(1, "JPEG"))
    problems: list[str] = []
    (line,) = saved_lines(path, problems)
    assert line.raw == {"id": "a", "images": [{"bytes": picture(1, "JPEG"), "path": None}]}
    assert (line.where, problems) == (f"{path}:1", [])


def test_unknown_column_of_a_saved_folder(picture, tmp_path: Path) -> None:
    path = saved(tmp_path / "saved", picture(1), label="x")
    problems: list[str] = []
    assert len(list(saved_lines(path, problems))) == 1
    assert problems == [f"{path}: label: unknown field, did you mean answer?"]


def test_broken_saved_folder_is_one_problem(picture, tmp_path: Path) -> None:
    path = saved(tmp_path / "saved", picture(1))
    (path / "state.json").write_text("Zorblax")
    problems: list[str] = []
    assert list(saved_lines(path, problems)) == []
    assert problems == [f"{path}: file: broken, or not saved by save_to_disk"]


def test_missing_datasets_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: object, **more: object) -> object:
        if name == "datasets":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    problems: list[str] = []
    assert list(saved_lines(tmp_path, problems)) == []
    assert "pip install 'benign[datasets]'" in problems[0]
