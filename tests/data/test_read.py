from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from datasets import Dataset, DatasetDict

from benign.data.read import read, read_records
from benign.data.record import Record
from benign.data.write import write_parquet
from benign.errors import BadRecords, UserError


def problems(folder: Path, **files: object) -> list[str]:
    """The problems of reading these splits, without the folder; none of them may show the marked content."""
    with pytest.raises(BadRecords) as error:
        read(**files)
    text = str(error.value).replace(f"{folder}/", "")
    assert "zorblax" not in text.lower()
    assert text.splitlines() == [problem.replace(f"{folder}/", "") for problem in error.value.problems]
    return text.splitlines()


def test_reading_imports_nothing_heavy() -> None:
    code = "import sys, benign.data.read, benign.data.write; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    roots = {name.split(".")[0] for name in run.stdout.split()}
    assert not roots & {"torch", "PIL", "pyarrow", "datasets", "transformers", "numpy", "pydantic"}


def test_records_come_in_the_order_of_the_file(write_lines, asked) -> None:
    path = write_lines("f.jsonl", asked("b"), asked("a"))
    assert [record.id for record in read_records(path)] == ["b", "a"]
    assert read_records(str(path)) == read_records(path)


def test_file_without_records_is_no_error_of_the_file(write_lines) -> None:
    assert read_records(write_lines("f.jsonl")) == ()


def test_broken_line_17_is_named(write_lines, asked, tmp_path: Path) -> None:
    lines = [asked(str(number)) for number in range(1, 21)]
    lines[16] = asked("17", answer="")
    assert problems(tmp_path, forget=write_lines("forget.jsonl", *lines)) == [
        "forget.jsonl:17: answer: empty, give the expected answer or drop the line"
    ]


def test_every_problem_of_every_file_at_once(write_lines, asked, tmp_path: Path) -> None:
    forget = write_lines("forget.jsonl", asked("a"), '{"id": "Zorblax', asked("a", question=""), asked("c", kind=1))
    retain = write_lines("retain.jsonl", asked("a", images=["../zorblax.png"]), asked("b"))
    few = write_lines("few.jsonl")
    found = problems(tmp_path, forget=forget, retain=retain, few=few, holdout=tmp_path / "no.jsonl")
    assert found == [
        "forget.jsonl:2: json: not valid JSON from column 8 on",
        "forget.jsonl:3: question: empty, give a question, messages or a text",
        "forget.jsonl:4: kind: must be text, not a number",
        "retain.jsonl:1: images: picture 1: '..' in the path, pictures must lie below the data folder",
        "few.jsonl: file: no records, the few set is empty",
        "no.jsonl: file: no such file",
        "retain.jsonl:2: record: the same content as at forget.jsonl:1, drop it from retain or from forget",
    ]


def test_empty_forget_set_is_refused(write_lines, tmp_path: Path) -> None:
    found = problems(tmp_path, forget=write_lines("forget.jsonl", ""))
    assert found == ["forget.jsonl: file: no records, the forget set is empty"]


def test_id_given_twice_is_named_with_both_lines(write_lines, asked, tmp_path: Path) -> None:
    path = write_lines("forget.jsonl", asked("zorblax-1"), asked("b"), asked("zorblax-1", question="Where?"))
    assert problems(tmp_path, forget=path) == ["forget.jsonl:3: id: the same as at forget.jsonl:1"]


@pytest.mark.parametrize("split", ["retain", "few", "neighbour", "holdout"])
def test_record_to_forget_and_to_keep_is_refused(write_lines, asked, tmp_path: Path, split: str) -> None:
    forget = write_lines("forget.jsonl", asked("a"), asked("b", question="Where?"))
    kept = write_lines("kept.jsonl", asked("x", question="When?"), asked("b"), asked("c", question="Where?"))
    assert problems(tmp_path, forget=forget, **{split: kept}) == [
        f"kept.jsonl:2: id: the same as at forget.jsonl:2, drop it from {split} or from forget",
        f"kept.jsonl:3: record: the same content as at forget.jsonl:2, drop it from {split} or from forget",
    ]


def test_every_split_lands_in_its_place(write_lines, asked, picture, tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "p.png").write_bytes(picture())
    names = ("forget", "retain", "few", "neighbour", "holdout", "general")
    files = {name: write_lines(f"{name}.jsonl", asked(name, question=name)) for name in names}
    data = read(**files, strangers=tmp_path / "s")
    assert {name: [record.id for record in data.split(name)] for name in names} == {name: [name] for name in names}
    assert data.general[0].kind == "general"
    (stranger,) = data.strangers
    assert (stranger.id, stranger.images[0].encoded(), stranger.question) == ("p.png", picture(), "")


def test_pictures_are_found_beside_the_file_or_below_root(write_lines, asked, picture, tmp_path: Path) -> None:
    (tmp_path / "p.png").write_bytes(picture(1))
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "p.png").write_bytes(picture(2))
    path = write_lines("f.jsonl", asked(images=["p.png"]))
    (beside,) = read_records(path)
    (below,) = read_records(path, root=tmp_path / "root")
    assert (beside.images[0].encoded(), below.images[0].encoded()) == (picture(1), picture(2))
    assert read(forget=path, root=tmp_path / "root").forget == (below,)


def test_pictures_that_fail_are_named_without_their_names(write_lines, asked, picture, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (tmp_path / "zorblax.png").write_bytes(picture(1))
    (folder / "zorblax-link.png").symlink_to(tmp_path / "zorblax.png")
    (folder / "zorblax-cut.png").write_bytes(picture(1)[:-30])
    (folder / "zorblax-good.png").write_bytes(picture(1))
    (folder / "zorblax.txt").write_text("Zorblax")
    names = ["link.png", "cut.png", "good.png", "missing.png"]
    lines = [asked(name, images=[f"zorblax-{name}"]) for name in names]
    path = write_lines("data/f.jsonl", *lines, asked("t", images=["zorblax-good.png", "zorblax.txt"]))
    assert problems(tmp_path, forget=path) == [
        "data/f.jsonl:1: images: picture 1: a link that leads out of the data folder",
        "data/f.jsonl:2: images: picture 1: broken or cut off",
        "data/f.jsonl:4: images: picture 1: no such file",
        "data/f.jsonl:5: images: picture 2: broken, or none of PNG, JPEG, WEBP, BMP, GIF, TIFF",
    ]


def test_digest_is_of_the_time_of_reading(write_lines, asked, picture, tmp_path: Path) -> None:
    (tmp_path / "p.png").write_bytes(picture(1))
    (record,) = read_records(write_lines("f.jsonl", asked(images=["p.png"])))
    before = Record("x", images=(record.images[0],)).digest
    (tmp_path / "p.png").unlink()
    assert Record("x", images=(record.images[0],)).digest == before


def test_pixel_limit_is_the_callers(write_lines, asked, picture, tmp_path: Path) -> None:
    (tmp_path / "p.png").write_bytes(picture(size=(10, 10)))
    path = write_lines("f.jsonl", asked(images=["p.png"]))
    assert len(read(forget=path, max_pixels=100).forget) == 1
    with pytest.raises(BadRecords, match=r"f\.jsonl:1: images: picture 1: more than 9\.9e-05 million pixels"):
        read(forget=path, max_pixels=99)


def test_row_of_a_table_is_named_by_its_number(tmp_path: Path) -> None:
    rows = [Record(str(number), question="Who?", answer="Zorblax") for number in range(1, 21)]
    rows[16] = Record("17", question="Who?")
    write_parquet(rows, tmp_path / "f.parquet")
    assert problems(tmp_path, forget=tmp_path / "f.parquet") == [
        "f.parquet:17: answer: missing, give the expected answer or drop the line"
    ]


def test_saved_dataset_is_read_and_a_dictionary_of_them_is_not(asked, tmp_path: Path) -> None:
    rows = Dataset.from_list([asked("a"), asked("b")])
    DatasetDict({"train": rows}).save_to_disk(str(tmp_path / "all"))
    assert [record.id for record in read_records(tmp_path / "all" / "train")] == ["a", "b"]
    for split in ("forget", "strangers"):
        with pytest.raises(BadRecords, match="holds several splits"):
            read_records(tmp_path / "all", split=split)


@pytest.mark.parametrize("name", ["f.json", "f.csv", "f"])
def test_other_file_types_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("[]")
    assert problems(tmp_path, forget=tmp_path / name) == [f"{name}: file: unknown type, give .jsonl or .parquet"]


def test_folder_of_pictures_is_for_strangers_only(picture, tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "p.png").write_bytes(picture())
    (tmp_path / "s" / "notes.txt").write_text("Zorblax")
    assert problems(tmp_path, forget=tmp_path / "s") == [
        "s: file: is a folder, but not one that save_to_disk of datasets wrote"
    ]
    with pytest.raises(BadRecords, match=r"s/notes\.txt: images: picture 1: broken, or none of"):
        read_records(tmp_path / "s", split="strangers")
    (tmp_path / "s" / "notes.txt").unlink()
    assert len(read_records(tmp_path / "s", split="strangers", root="/elsewhere")) == 1


def test_picture_name_that_is_not_utf8_is_refused(picture, tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    Path(os.fsdecode(os.fsencode(tmp_path / "s") + b"/\xff.png")).write_bytes(picture())
    with pytest.raises(BadRecords, match="id: holds half of a surrogate pair") as error:
        read_records(tmp_path / "s", split="strangers")
    str(error.value).encode()


def test_unknown_split_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="did you mean 'retain'"):
        read_records(tmp_path / "f.jsonl", split="retian")


def test_data_digest_depends_on_every_word(write_lines, asked) -> None:
    first = read(forget=write_lines("a.jsonl", asked())).digest
    assert read(forget=write_lines("b.jsonl", asked())).digest == first
    assert read(forget=write_lines("b.jsonl", asked(answer="x"))).digest != first
