from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from benign.data.images import Pictures
from benign.data.read import read_records
from benign.data.record import ImageRef, Message, Record, Slot
from benign.data.write import write_jsonl, write_parquet
from benign.errors import UserError

WRITERS = {".jsonl": write_jsonl, ".parquet": write_parquet}


def pixel(color: int, format: str) -> ImageRef:
    file = BytesIO()
    Image.new("L", (1, 1), color).save(file, format)
    return ImageRef(data=file.getvalue())


PICTURES = [pixel(color, format) for color in (0, 255) for format in ("PNG", "JPEG")]
words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(str.strip)
some = st.lists(words, max_size=3).map(tuple)


@st.composite
def records(draw: st.DrawFn, id: str) -> Record:
    """Any record that the contract allows in the forget set."""
    base = Record(
        id, draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=5)),
        kind=draw(st.sampled_from(["memory", "understanding", "general"])), paraphrases=draw(some),
        neighbour=draw(st.sampled_from([None, "entity", "domain", "general"])),
    )  # fmt: skip
    images = tuple(draw(st.lists(st.sampled_from(PICTURES), max_size=3)))
    form = draw(st.sampled_from(["question", "messages", "text"]))
    if form == "text":
        return replace(base, text=draw(words))
    answer = draw(words)
    wrong = tuple(w for w in draw(some) if w.strip().casefold() != answer.strip().casefold())
    base = replace(
        base,
        images=images,
        perturbed=wrong,
        rewordings=(answer + " indeed",),
        options=draw(st.sampled_from([(), (answer, answer + "x")])),
    )
    if form == "question":
        question = draw(words)
        spans = draw(st.sampled_from([(), (("question", 0, len(question)), ("answer", len(answer) - 1, len(answer)))]))
        return replace(base, question=question, answer=answer, spans=spans)
    parts = draw(st.permutations([Slot.IMAGE] * len(images) + [draw(words)]))
    start = draw(st.sampled_from([(), (Message("system", (draw(words), draw(words))),)]))
    return replace(base, messages=(*start, Message("user", tuple(parts)), Message("assistant", (answer,))))


@st.composite
def files(draw: st.DrawFn) -> list[Record]:
    ids = draw(st.lists(words, max_size=4, unique=True))
    return [draw(records(id)) for id in ids]


def bare(record: Record) -> tuple[Record, list[str]]:
    """A record with its pictures' digests in place of the pictures."""
    return replace(record, images=()), [image.digest for image in record.images]


@pytest.mark.parametrize("end", WRITERS)
@settings(max_examples=60, deadline=None)
@given(written=files())
def test_what_was_written_is_read(end: str, written: list[Record]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"f{end}"
        WRITERS[end](written, path)
        found = read_records(path)
        assert [bare(record) for record in found] == [bare(record) for record in written]
        assert [record.digest for record in found] == [record.digest for record in written]


@pytest.fixture
def some_records(picture) -> list[Record]:
    images = (ImageRef(data=picture(1)), ImageRef(data=picture(2, "JPEG")))
    return [
        Record("a", question="Who?", answer="Zorblax", images=images),
        Record("b", question="Where?", answer="Quimby", images=images[:1], options=("Quimby", "x")),
    ]


@pytest.mark.parametrize("end", WRITERS)
def test_same_records_give_the_same_bytes(some_records, tmp_path: Path, end: str) -> None:
    for name in ("one", "two"):
        WRITERS[end](some_records, tmp_path / name / f"f{end}")
    tree = {p.relative_to(tmp_path / "one"): p for p in (tmp_path / "one").rglob("*") if p.is_file()}
    assert len(tree) == (3 if end == ".jsonl" else 1)
    for inner, path in tree.items():
        assert (tmp_path / "two" / inner).read_bytes() == path.read_bytes()


def test_pictures_lie_beside_under_names_of_their_content(some_records, tmp_path: Path) -> None:
    write_jsonl(some_records, tmp_path / "f.jsonl")
    first, second = some_records[0].images
    names = [f"{first.digest[:16]}.png", f"{second.digest[:16]}.jpg"]
    assert sorted(os.listdir(tmp_path)) == ["f", "f.jsonl"]
    assert sorted(os.listdir(tmp_path / "f")) == sorted(names)
    assert (tmp_path / "f" / names[0]).read_bytes() == first.encoded()
    lines = [json.loads(line) for line in (tmp_path / "f.jsonl").read_text().splitlines()]
    assert lines[0]["images"] == [f"f/{name}" for name in names]
    assert "messages" not in lines[0]


def test_written_folder_can_be_moved(some_records, tmp_path: Path) -> None:
    write_jsonl(some_records, tmp_path / "here" / "f.jsonl")
    (tmp_path / "here").rename(tmp_path / "there")
    assert [r.digest for r in read_records(tmp_path / "there" / "f.jsonl")] == [r.digest for r in some_records]


def test_picture_below_the_file_is_named_where_it_is_and_others_are_copied(picture, tmp_path: Path) -> None:
    for name in ("data/in/p.png", "q.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(picture(len(name)))
    images = (ImageRef(path=tmp_path / "data/in/p.png"), Pictures(tmp_path).at("q.png"))
    write_jsonl([Record("a", question="?", answer="!", images=images)], tmp_path / "data" / "f.jsonl")
    line = json.loads((tmp_path / "data" / "f.jsonl").read_text())
    assert line["images"] == ["in/p.png", f"f/{images[1].digest[:16]}.png"]
    assert (tmp_path / "data" / line["images"][1]).read_bytes() == picture(5)


def test_files_of_others_are_left_alone_and_damaged_copies_mended(some_records, tmp_path: Path) -> None:
    write_jsonl(some_records, tmp_path / "f.jsonl")
    copy = tmp_path / "f" / f"{some_records[0].images[0].digest[:16]}.png"
    copy.write_bytes(b"damaged")
    (tmp_path / "f" / "mine.txt").write_text("mine")
    write_jsonl(some_records, tmp_path / "f.jsonl")
    assert copy.read_bytes() == some_records[0].images[0].encoded()
    assert (tmp_path / "f" / "mine.txt").read_text() == "mine"


def test_parquet_is_the_image_layout_of_datasets(some_records, tmp_path: Path) -> None:
    from datasets import Dataset, Image, List

    write_parquet(some_records, tmp_path / "f.parquet")
    table = Dataset.from_parquet(str(tmp_path / "f.parquet"), cache_dir=str(tmp_path / "cache"))
    shown = table.cast_column("images", List(Image()))[0]["images"]
    assert [image.size for image in shown] == [(8, 6), (8, 6)]


@pytest.mark.parametrize("end", WRITERS)
def test_picture_gone_since_it_was_read_leaves_no_file(picture, tmp_path: Path, end: str) -> None:
    source = tmp_path / "in"
    source.mkdir()
    (source / "zorblax.png").write_bytes(picture(1))
    record = Record(
        "a", question="?", answer="!", images=(ImageRef(data=picture(2)), Pictures(source).at("zorblax.png"))
    )
    (source / "zorblax.png").unlink()
    with pytest.raises(UserError, match="is gone") as error:
        WRITERS[end]([record], tmp_path / "out" / f"f{end}")
    assert "zorblax" not in str(error.value)
    assert os.listdir(tmp_path / "out") == []


SMALL_DISK = """
import resource, sys
from benign.data.read import read_records
from benign.data.write import {name}
from benign.errors import UserError
records = read_records(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
try:
    {name}(records, sys.argv[2])
except UserError as error:
    print(error)
    sys.exit(7)
"""


@pytest.mark.parametrize(("end", "limit"), [(".jsonl", 100), (".jsonl", 6000), (".parquet", 3), (".parquet", 2000)])
@pytest.mark.parametrize("before", [None, b"old"])
def test_full_disk_leaves_what_was_there(picture, tmp_path: Path, end: str, limit: int, before: bytes | None) -> None:
    # at 6000 bytes the picture fits and the lines do not: the copied picture has to go again
    long = [Record(str(n), question="Who? " * 50, answer="Zorblax" * n) for n in range(1, 30)]
    write_jsonl([replace(long[0], images=(ImageRef(data=picture(1)),)), *long[1:]], tmp_path / "in" / "f.jsonl")
    out = tmp_path / "out"
    out.mkdir()
    if before is not None:
        (out / f"f{end}").write_bytes(before)
    code = SMALL_DISK.format(name=WRITERS[end].__name__)
    arguments = [str(tmp_path / "in" / "f.jsonl"), str(out / f"f{end}"), str(limit)]
    run = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (7, "")
    assert run.stdout.startswith(str(out)) and "nothing was written" in run.stdout
    assert {p.name: p.read_bytes() for p in out.iterdir()} == ({f"f{end}": before} if before is not None else {})
