"""What a user gets wrong around an audit: one line that names the place, status 2, and nothing half-written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benign.cli.main import main


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one good file of records, a damaged run, and a file that is no folder."""
    monkeypatch.chdir(tmp_path)
    good = {"id": "a", "subject": "s", "question": "Where was Ann born?", "answer": "Ulm", "kind": "memory"}
    Path("f.jsonl").write_text(json.dumps(good) + "\n")
    Path("empty").mkdir()
    Path("file.txt").write_text("x")
    Path("run").mkdir()
    Path("run/run.json").write_text('{"method": "npo"}')
    Path("audited").mkdir()
    Path("audited/observed.json").write_text('{"systems": [{"method": "npo"')
    lost = {"method": "npo", "seed": 0, "key": "0" * 32, "n": 4}
    Path("lost").mkdir()
    Path("lost/observed.json").write_text(json.dumps({"systems": [lost]}))
    return tmp_path


def refused(words: str, capsys: pytest.CaptureFixture[str], out: str = "o") -> str:
    status = main([*words.split()])
    shown = capsys.readouterr()
    assert status == 2, (status, shown.err)
    assert shown.out == ""
    line = shown.err.strip()
    assert "\n" not in line and line.startswith("error: ") and "internal" not in line
    assert not Path(out).is_dir() or not [p for p in Path(out).rglob("*") if p.name != ".lock"], "nothing was begun"
    return line


AUDIT = "audit embedded:lm {} --forget f.jsonl --out o -q"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (AUDIT.format("file.txt"), "file.txt/run.json: not a run's folder"),
        (AUDIT.format("empty"), "empty/run.json: not a run's folder"),
        (AUDIT.format("run"), "run/run.json: damaged: finished is missing"),
        (AUDIT.format("--attacks prune,relearn,prune:share=0.3"), "attacks: the attack prune twice"),
        (AUDIT.format("--attacks nonsense"), "--attacks: unknown attack 'nonsense'"),
        (AUDIT.format("--attacks relearn:stpes=3"), "--attacks relearn stpes: unknown field"),
        (AUDIT.format("--track nobody"), "--track: unknown tracker 'nobody'"),
        (AUDIT.format("--diagnostics nothing"), "unknown diagnostic 'nothing'"),
        (AUDIT.format("--retrained-model empty"), "empty: not a model's folder"),
        ("audit embedded:lm --forget f.jsonl --out file.txt -q", "file.txt: cannot write here"),
        ("audit embedded:lm --forget none.jsonl --out o -q", "none.jsonl: file: no such file"),
        ("audit embedded:lm --forget f.jsonl --retain f.jsonl --out o -q", "f.jsonl:1: id: the same as"),
        ("probe embedded:lm file.txt --forget f.jsonl --out o -q --graph empty", "empty: cannot be read"),
        ("probe embedded:lm --forget f.jsonl --out o -q", "forget: no fact about a subject"),
        ("compare nothing empty", "nothing: no such folder"),
        ("compare empty empty", "empty: no audit's observations here"),
        ("compare audited audited", "audited/observed.json: not an index of observations"),
        ("compare lost lost", "0 of 4 observations are left"),
        ("compare lost:idk lost:npo", "idk"),
        ("meta --out file.txt -q", "cannot write here"),
        ("utility embedded:lm --out o -q", "tasks: no task"),
        ("utility embedded:lm --out o -q --general none.jsonl", "none.jsonl: file: no such file"),
    ],
)
def test_each_mistake_is_one_line_before_any_work(
    words: str, said: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said in refused(words, capsys)


def test_a_result_of_another_base_is_refused_before_any_work(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    from benign.models.change import Delta, LowRank
    from benign.models.delta import save_delta
    from benign.models.load import load

    base = load("embedded:lm")
    name, weight = next((n, p) for n, p in base.module.named_parameters() if n.endswith("q_proj.weight"))
    rows, columns = weight.shape
    delta = Delta({name: LowRank(torch.ones(1, columns), torch.ones(rows, 1), 1.0)})
    save_delta(delta, base, Path("other/adapter"), base="embedded:lm")
    cost = {"seconds": 1.0, "peak_rss_mb": 1.0, "guarantee": "weights"}
    for file, content in (
        ("run", {"method": "npo", "seed": 0, "finished": True}), ("provenance", {"cost": cost}), ("facts", {}),
    ):  # fmt: skip
        Path(f"other/{file}.json").write_text(json.dumps(content))
    line = refused("audit embedded:lm-retrained-01 other --forget f.jsonl --out o -q", capsys)
    assert "other/adapter: the delta belongs to another model (embedded:lm)" in line
    Path("other/adapter/adapter_model.safetensors").write_bytes(b"cut")
    line = refused("audit embedded:lm other --forget f.jsonl --out o -q", capsys)
    assert "other/adapter/adapter_model.safetensors: the file is missing or damaged" in line
