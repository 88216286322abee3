"""The demo's story on the embedded model: what the README claims, in one run."""

from __future__ import annotations

from pathlib import Path

import pytest

from benign.audit.score import DESTROYED, Score
from benign.benchmarks.run import run_demo
from benign.report.build import build_report


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_anchor_mask_keeps_more_than_refusal_tuning_and_self_answers_keep_most(tmp_path: Path) -> None:
    found = run_demo(out=tmp_path, methods=("grad_ascent", "idk", "smfa", "smfa_self_answers"))
    rows = {row.method: row for row in found.scoreboard.rows}

    def value(method: str, column: str) -> float:
        number = rows[method].value(column)
        assert number is not None
        return number

    assert isinstance(found.scoreboard.gap, Score) and found.scoreboard.gap.value >= 0.85
    assert any(note.startswith(DESTROYED) for note in rows["grad_ascent"].notes)
    assert value("idk", "memory_rouge") <= 0.05
    assert value("idk", "understanding_forget") <= value("original", "understanding_forget") - 0.30
    # One seed, and few questions about pictures: two more or fewer answers are 0.03.
    assert value("smfa", "memory_rouge") <= 0.08
    assert value("smfa", "understanding_forget") >= value("idk", "understanding_forget") + 0.15
    assert value("smfa", "retained_memory") > value("idk", "retained_memory")
    assert value("smfa_self_answers", "memory_rouge") <= 0.02
    assert value("smfa_self_answers", "memory_paraphrased") <= 0.10
    # One seed and a sample of the questions: over three seeds and all of them, kept memory is 0.950 of the original's
    # and 0.020 of its questions are refused (docs/benchmarks.md).
    for column, share in (("understanding_forget", 0.95), ("retained_memory", 0.90), ("general", 0.96)):
        assert value("smfa_self_answers", column) >= share * value("original", column)
    assert value("smfa_self_answers", "refusal_retain") <= 0.05
    page = build_report(found, tmp_path / "report.html")
    assert page.stat().st_size < 3_000_000
    assert (tmp_path / "scoreboard.json").exists() and (tmp_path / "data" / "forget.jsonl").exists()
