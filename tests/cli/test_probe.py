"""``benign probe`` and ``benign utility`` as a user types them, on the embedded text model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benign.audit.probes.graph import Edge, Graph, read_graph, write_graph
from benign.cli.main import main
from benign.data.record import Record
from benign.data.write import write_jsonl
from benign.models.embedded.text import world

Files = Callable[[str, tuple[Record, ...]], str]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    def write(name: str, records: tuple[Record, ...]) -> str:
        write_jsonl(records, tmp_path / f"{name}.jsonl")
        return str(tmp_path / f"{name}.jsonl")

    return write


def test_probe_tells_the_models_apart(files: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = world.splits(1)
    forget = tuple(r for r in data.forget if r.subject == data.forget[0].subject)
    place = next(r for r in forget if r.id.endswith("/genre"))
    alike = next(
        r for r in data.retain if r.id.endswith("/genre") and place.answer.split()[-2:] == r.answer.split()[-2:]
    )
    retain = tuple(r for r in data.retain if r.subject == alike.subject)[:6]
    out = tmp_path / "probes"
    words = ["probe", "embedded:lm", "--forget", files("f", forget), "--retain", files("r", retain), "--most", "2"]
    words += ["--retrained-model", "embedded:lm-retrained-01", "--out", str(out), "-q"]
    assert main([*words, "--json"]) == 0
    outcome: dict[str, Any] = json.loads(capsys.readouterr().out)
    original, retrained = outcome["systems"]["original"], outcome["systems"]["retrained"]
    assert original["single_hop"]["value"] == 1.0 and original["single_hop"]["n"] >= 5
    assert retrained["single_hop"]["value"] == 0.0 and retrained["paraphrase"]["value"] == 0.0
    assert retrained["retained"]["value"] == 1.0
    assert outcome["left_out"] == {"does not name its subject in the question": 1}
    assert read_graph(out / "graph.json").targets == (forget[1].question[slice(*forget[1].spans[0][1:])],)
    # The same again, from its cache, for a person.
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert "single hop" in shown and "dropped, alias" in shown and "no fact: 1 (the record does not name" in shown


def test_a_graph_of_one_s_own_is_asked(files: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """General knowledge as the target: what the records say plays no part then."""
    capital = Edge("France", "What is the capital of {s}?", "Paris")
    wrong = Edge("Italy", "What is the capital of {s}?", "Paris")
    write_graph(Graph((capital, wrong), meta={"targets": ["France", "Italy"]}), tmp_path / "g.json")
    words = ["probe", "embedded:lm", "--forget", files("f", world.splits(1).forget[:2]), "--out", str(tmp_path / "o")]
    assert main([*words, "--graph", str(tmp_path / "g.json"), "--json", "-q"]) == 0
    outcome = json.loads(capsys.readouterr().out)
    assert outcome["systems"]["original"]["single_hop"]["value"] == 0.5
    assert outcome["dropped"]["single_hop"] == {"the original model does not answer it": 1}
    assert read_graph(tmp_path / "o" / "graph.json").edges == (capital,)


def test_records_that_name_nobody_are_said(files: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    forget = (Record("a", "s1", question="Who was it?", answer="Ann"),)
    assert main(["probe", "embedded:lm", "--forget", files("f", forget), "--out", str(tmp_path / "o"), "-q"]) == 2
    assert "1 does not name its subject in the question" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore")
def test_utility_of_general_records(
    files: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("lm_eval")
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    words = ["utility", "embedded:lm", "--general", files("g", world.general_records()[:20]), "--limit", "8"]
    assert main([*words, "--out", str(tmp_path / "o"), "-q", "--json"]) == 0
    shown = capsys.readouterr()
    assert "Running" not in shown.err
    score = json.loads(shown.out)["systems"]["original"]["benign_general/acc"]
    assert (score["value"], score["n"]) == (1.0, 8)
    assert main([*words, "--out", str(tmp_path / "o"), "-q"]) == 0
    assert "benign_general/acc" in capsys.readouterr().out
