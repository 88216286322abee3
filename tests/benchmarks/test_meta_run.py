"""The judges' run from end to end, with few and hardly trained models."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benign.benchmarks import meta_run
from benign.benchmarks.erasers import Eraser
from benign.benchmarks.meta_run import PLACE, run_meta
from benign.benchmarks.pools import Member
from benign.engine.recipe import Optim
from benign.methods.grad_diff import GradDiff
from benign.parts.loci.lora import Lora

CONTROLS = ("retrained", "retrained-again")
SMALL = {"batch": 2, "beside": 1, "rank": 2}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    few = (Member("facts", 5e-3, 1, 0, **SMALL), Member("retained", 5e-3, 1, 1, **SMALL))
    nothing = GradDiff(2, 2, optim=Optim(1e-6, None, 1), locus=Lora(rank=2, alpha=2.0, dropout=0.0))
    monkeypatch.setattr(meta_run, "members", lambda: few)
    monkeypatch.setattr(meta_run, "unlearners", lambda: {"nothing": nothing})
    monkeypatch.setattr(meta_run, "erasers", lambda: (Eraser("layers", 1, 2, share=0.5),))
    monkeypatch.setattr(meta_run, "MOST", 6)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_model_is_measured_once_and_a_second_run_trains_nothing(small: None, tmp_path: Path) -> None:
    work: list[str] = []
    found = run_meta(tmp_path, lambda what, done, total: work.append(what))
    assert any(what.startswith("train") for what in work)
    table = tmp_path / PLACE / "table.json"
    content = json.loads(table.read_text())
    assert set(content["rows"]) == {
        "original", "retrained", "knows/facts-0.005-1-0", "ignorant/retained-0.005-1-1", "relearned/retrained",
        "reminded/retrained", "reminded/nothing", "unlearned/nothing", "relearned/nothing", "int4/nothing",
        "retrained-again", "relearned/retrained-again", "reminded/retrained-again", "unlearned/layers-0.5-1-2",
        "relearned/layers-0.5-1-2", "reminded/layers-0.5-1-2", "int4/layers-0.5-1-2",
        *(f"relearned-{seed}/{name}" for seed in (1, 2) for name in (*CONTROLS, "nothing", "layers-0.5-1-2")),
    }  # fmt: skip
    rows = content["rows"]
    assert rows["unlearned/nothing"]["memory_exact"] == 1.0 > rows["retrained"]["memory_exact"]
    assert rows["int4/nothing"]["memory_probability"] != rows["unlearned/nothing"]["memory_probability"]
    assert {verdict.metric for verdict in found} >= {"memory_rouge", "memory_truth", "membership_auc"}
    # What does nothing has not forgotten: no verdict on robustness rests on it.
    assert [v.counted for v in found if v.metric == "memory_rouge"] == [()]
    # What they are inside: the ends of the depth, and what is damaged and not repaired.
    depth = {name: row["diagnostic_depth"] for name, row in rows.items()}
    assert depth["original"] == 0 and depth["retrained"] == pytest.approx(1, abs=1e-5)
    assert depth["unlearned/nothing"] < 0.05 < depth["relearned/retrained"] < 0.999
    assert {name for name, value in depth.items() if value is None} == {
        name for name in rows if name.startswith(("reminded/", "relearned-"))
    }
    seeds = [rows[f"{group}/nothing"]["memory_probability"] for group in ("relearned", "relearned-1", "relearned-2")]
    assert len(set(seeds)) == 3
    assert depth["int4/nothing"] > depth["unlearned/nothing"]
    # Upper layers that start over leave what the lower ones wrote.
    assert depth["unlearned/nothing"] < depth["unlearned/layers-0.5-1-2"] < 0.5
    assert {part["metric"] for part in content["verdicts_of"]["hiding"]} == {verdict.metric for verdict in found}
    first = table.read_bytes()
    work.clear()
    run_meta(tmp_path, lambda what, done, total: work.append(what))
    assert table.read_bytes() == first
    assert not any(what.startswith(("train pool", "teach", "patch")) for what in work)
