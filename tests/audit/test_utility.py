"""lm-evaluation-harness on the embedded text model, offline, held against what the model itself says of each option."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from benign.audit.harness_task import write_task
from benign.audit.run import Candidate
from benign.audit.score import Score
from benign.audit.utility import Harness, _scores, as_json, utility
from benign.cli.main import main
from benign.data.record import ImageRef, Record
from benign.engine.serve import Served
from benign.errors import UserError
from benign.models.delta import Delta
from benign.models.embedded.text import world
from benign.models.load import load

ASKED = world.general_records()[::6]


@pytest.fixture
def harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Harness]:
    pytest.importorskip("lm_eval")
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    yield Harness((str(write_task(ASKED, tmp_path / "task")),))


def test_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any) -> None:
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    with pytest.raises(UserError, match=r"pip install 'benign\[lm-eval\]'"):
        utility("embedded:lm", [], Harness(("arc_easy",)), out=tmp_path)
    assert main(["utility", "embedded:lm", "--tasks", "arc_easy", "--out", str(tmp_path), "-q"]) == 2
    assert "benign[lm-eval]" in capsys.readouterr().err


def test_no_task_is_said_before_anything_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no task"):
        utility("no such model", [], Harness(()), out=tmp_path)


def test_records_become_a_task(tmp_path: Path) -> None:
    good = Record("a", question="What is the capital of France?", answer="Paris", options=("Rome", "Paris"))
    shown = Record("b", images=(ImageRef(data=b"x"),), question="Which?", answer="a", options=("a", "b"))
    none = Record("c", question="Which?", answer="c", options=("a", "b"))
    task = write_task([good, shown, none], tmp_path / "a folder", name="mine")
    asked = [json.loads(line) for line in (tmp_path / "a folder" / "mine.jsonl").read_text().splitlines()]
    assert asked == [{"question": "What is the capital of France?", "choices": ["Rome", "Paris"], "label": 1}]
    text = task.read_text()
    assert 'doc_to_text: "{{question}}"' in text and f'test: "{tmp_path / "a folder" / "mine.jsonl"}"' in text
    other = Record("a", question="What is the capital of Italy?", answer="Rome", options=("Rome", "Paris"))
    assert write_task([other], tmp_path / "a folder", name="mine").read_text() != text
    with pytest.raises(UserError, match="no record"):
        write_task([shown, none], tmp_path)


def test_numbers_get_intervals_where_they_are_means() -> None:
    """Three of four right is a mean; a perplexity over all words is not, and says so by n = 0."""
    samples = [{"filter": "none", "acc": value} for value in (1.0, 1.0, 1.0, 0.0)]
    results = {"t": {"acc,none": 0.75, "acc_stderr,none": 0.2, "word_perplexity,none": 9.5, "alias": "t", "f1,x": 0.5}}
    found = _scores({"results": results, "samples": {"t": samples}})
    assert found.keys() == {"t/acc", "t/word_perplexity", "t/f1 (x)"}
    assert (found["t/acc"].value, found["t/acc"].n) == (0.75, 4) and found["t/acc"].low < 0.75 < found["t/acc"].high
    assert found["t/word_perplexity"] == Score(9.5, 9.5, 9.5, 0) == Score(9.5, 9.5, 9.5, found["t/f1 (x)"].n)


@pytest.mark.filterwarnings("ignore")
def test_the_harness_agrees_with_the_model_and_leaves_it_alone(harness: Harness, tmp_path: Path) -> None:
    """The likeliest option by our own scoring, without the token that ends the turn, which the harness leaves out."""
    model = load("embedded:lm")
    before = {name: value.clone() for name, value in model.module.state_dict().items()}
    # A result: most of what the feed-forward layers add is taken away again.
    delta = Delta({name: -0.95 * value for name, value in before.items() if "down_proj" in name})
    worse = Candidate("worse", Served(model, (delta,)))
    random, model.module = torch.random.get_rng_state(), model.module.train()
    found = utility(model, [worse], harness, out=tmp_path / "out")
    assert model.module.training and torch.equal(torch.random.get_rng_state(), random)
    assert all(torch.equal(value, before[name]) for name, value in model.module.state_dict().items())
    for name, served in (("original", Served(model)), ("worse", worse.system)):
        score = found[name]["benign_general/acc"]
        assert (score.value, score.n) == (pytest.approx(share(served)), len(ASKED))
    assert found["original"]["benign_general/acc"].value > 0.95
    assert found["worse"]["benign_general/acc"].value < 0.9
    assert json.loads((tmp_path / "out" / "utility.json").read_text()) == as_json(found)
    model.module = None  # type: ignore[assignment]
    again = utility(model, [worse], harness, out=tmp_path / "out")
    assert again == found, "what is known is not measured again"


def share(served: Served) -> float:
    pairs = [(record, option) for record in ASKED for option in record.options]
    logp = iter([sum(scored.logp[:-1]) for scored in served.score(*map(list, zip(*pairs, strict=True)))])  # type: ignore[arg-type]
    right = 0
    for record in ASKED:
        each = {option: next(logp) for option in record.options}
        right += max(each, key=lambda option: each[option]) == record.answer
    return right / len(ASKED)


@pytest.mark.filterwarnings("ignore")
def test_tasks_that_are_not_there_are_named(harness: Harness, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such task file"):
        utility("embedded:lm", [], Harness(("absent.yaml",)), out=tmp_path)
