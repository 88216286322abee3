"""MUSE: what is trained on, asked and continued, as its authors' files have it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benign.benchmarks import catalogue, muse
from benign.benchmarks.documents import CHARACTERS, pieces
from benign.benchmarks.in_turn import InTurn
from benign.benchmarks.muse import Muse, MuseRequests
from benign.benchmarks.protocol import Brought
from benign.benchmarks.published import write_tables
from benign.data.record import Record
from benign.engine.recipe import Train
from benign.errors import BadRecords, UserError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("muse")
    catalogue.find("muse-news").make(made)
    return made


def news(folder: Path, setting: int = 1) -> Muse:
    return Muse("news", setting, Brought(str(folder), "a model"))


def test_a_parts_worth_of_texts_is_forgotten_and_half_of_the_rest_may_be_trained_on(folder: Path) -> None:
    found = news(folder).data()
    assert [len(found.forget), len(found.retain)] == [5, 90]
    assert all(record.text and not record.question for record in found.forget + found.retain)
    assert found == Muse().data(), "files give what memory gives"
    asked = news(folder).evaluation()
    trained = " ".join(record.text for record in found.retain)
    assert asked.retain and not any(record.answer in trained for record in asked.retain), "retain2 is asked"


def test_the_sizes_grow_and_the_requests_follow_one_another(folder: Path) -> None:
    sizes = [[r.text for r in news(folder, n).data().forget] for n in (1, 2, 3, 4)]
    assert [len(size) for size in sizes] == [5, 10, 15, 20]
    assert all(sizes[n][: len(sizes[n - 1])] == sizes[n - 1] for n in (1, 2, 3))
    row = MuseRequests("news", 4, Brought(str(folder), "a model"))
    requests = [[r.text for r in data.forget] for data in row.met()]
    assert [text for request in requests for text in request] == sizes[3] and row.data() == row.met()[3]
    assert replace(row, setting=2).met() == row.met()[:2] and row.evaluation() == news(folder).evaluation()
    assert isinstance(row, InTurn) and not isinstance(news(folder), InTurn)
    assert row.name == "MUSE-News, 4 of 4 requests in a row"
    with pytest.raises(UserError, match="muse-books has no setting 2"):
        muse.protocol(2, Brought(), "books")


def test_questions_come_after_the_examples_in_the_official_form(tmp_path: Path) -> None:
    texts = ["a", "b"]
    pairs = [{"question": "who?", "answer": "ann"}, {"question": "where?", "answer": "oslo"}]
    tables = {f"knowmem/{split}_qa": pairs for split in ("forget", "retain")}
    tables |= {f"knowmem/{split}_qa_icl": pairs[::-1] for split in ("forget", "retain")}
    long = " ".join(f"w{i}" for i in range(300))
    tables |= {"verbmem/forget": [{"prompt": "once", "gt": long}]}
    write_tables(tmp_path, {**tables, "privleak/forget": texts, "privleak/holdout": texts})
    found = news(tmp_path).evaluation()
    shown = "Question: where?\nAnswer: oslo\n\nQuestion: who?\nAnswer: ann\n\n"
    assert found.retain[0] == Record("knowmem/retain_qa/0", question=f"{shown}Question: who?\nAnswer:", answer="ann")
    told = next(record for record in found.forget if record.id == "verbmem/forget/0")
    assert (told.question, told.answer) == ("once", " ".join(f"w{i}" for i in range(96)))
    assert [record.text for record in found.holdout] == texts


def test_books_are_cut_between_words_and_nothing_is_lost() -> None:
    text = " ".join(f"word{i}" for i in range(5000))
    [short] = pieces([Record("b/1", text="short")])
    cut = pieces([Record("b/0", text=text)])
    assert short.id == "b/1" and [record.id for record in cut] == [f"b/0.{i}" for i in range(len(cut))]
    assert len(cut) > 1 and "".join(record.text for record in cut) == text
    assert all(len(record.text) <= CHARACTERS and record.text[-1] != " " for record in cut)
    assert "".join(r.text for r in pieces([Record("x", text="y" * 9)], 4)) == "y" * 9


def test_missing_and_faulty_tables_are_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"MUSE-News files are missing: raw/forget, raw/retain1 .*muse-bench/MUSE-News"):
        news(tmp_path).data()
    with pytest.raises(UserError, match=r"sust/forget_1.*muse-bench/MUSE-News"):
        MuseRequests("news", 1, Brought(str(tmp_path), "a model")).met()
    write_tables(tmp_path, {"raw/forget": ["a"], "raw/retain1": [{"txt": "b"}]})
    with pytest.raises(BadRecords) as error:
        news(tmp_path).data()
    assert "muse-bench/MUSE-News" in error.value.fix
    assert error.value.problems == (f"{tmp_path}/raw/retain1.json:1: text: missing",)


def test_each_method_stops_where_the_authors_stopped() -> None:
    own = Brought("data", "model")
    stages = {name: muse.preset(name, own, "news").recipe().stages for name in muse.METHODS}
    epochs = {name: next(one for one in made if isinstance(one, Train)).optim.epochs for name, made in stages.items()}
    assert (epochs["grad_ascent"], epochs["grad_diff"], epochs["kl_min"], epochs["npo"]) == (1.0, 7.0, 10.0, 10.0)
    [stage] = muse.preset("npo", own, "books").recipe().stages
    assert (stage.optim.lr, stage.optim.schedule, stage.terms[0].batch) == (1e-5, "constant", 32)
