"""The judges' table: which models count, which way a metric points, and what the numbers are."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import pytest

from benign.audit.columns import COLUMNS, column
from benign.audit.diagnostic_columns import INSIDE
from benign.audit.score import Row, Score, Scoreboard
from benign.benchmarks.meta import (
    AGAIN,
    Forms,
    Verdict,
    about_forgetting,
    knowledge,
    save,
    threshold,
    utility,
    verdicts,
    without,
)
from benign.errors import NotMeasured


def row(name: str, memory: float, kept: float = 1.0, **others: float) -> Row:
    values = {"memory_rouge": memory, "retained_memory": kept, "general": kept, **others}
    return Row(name, {key: Score(value, value, value, 9) for key, value in values.items()}, 0.0, 0.0, 0)


def board(*unlearned: Row) -> Scoreboard:
    known = [row(f"knows/{i}", value) for i, value in enumerate((0.9, 0.8))]
    never = [row(f"ignorant/{i}", value) for i, value in enumerate((0.2, 0.1))]
    references = (
        row("original", 1.0),
        row("retrained", 0.1),
        row("relearned/retrained", 0.2),
        row("reminded/retrained", 0.14),
        row(AGAIN, 0.3),
        row(f"relearned/{AGAIN}", 0.45),
        row(f"reminded/{AGAIN}", 0.3),
    )
    return Scoreboard("m", "b", (*references, *known, *never, *unlearned))


def triple(name: str, before: float, relearned: float, int4: float, kept: float = 1.0) -> tuple[Row, ...]:
    return (
        row(f"unlearned/{name}", before, kept),
        row(f"relearned/{name}", relearned),
        row(f"reminded/{name}", before + 0.1),
        row(f"int4/{name}", int4),
    )


def test_a_table_by_hand() -> None:
    """Relearning: the retrained gain .1 and .15, .125 in the mean, and the unlearned .2; int4: from .2 to .4."""
    (found,) = verdicts(board(*triple("a", 0.2, 0.4, 0.4)))
    assert found.metric == "memory_rouge"
    assert (found.faithfulness, found.counted) == (1.0, ("a",))
    assert found.relearning == Forms(pytest.approx(0.625), pytest.approx(1 - 0.075 / 0.325))
    assert found.reminding == Forms(pytest.approx(0.2), pytest.approx(1 - 0.08 / 0.12))
    assert found.quantisation == Forms(pytest.approx(0.5), pytest.approx(2 / 3))
    # Robustness is 5/9, and 5/7; with a faithfulness of 1: 2 * (5/9) / (14/9), and 2 * (5/7) / (12/7).
    assert found.overall == Forms(pytest.approx(5 / 7), pytest.approx(5 / 6))


def test_relearning_with_several_seeds_counts_by_the_mean_gain() -> None:
    """Of .3 and .1 the unlearned one gains .2 in the mean; the retrained .1 and .05, and .15: .1125 in the mean."""
    further = (row("relearned-1/a", 0.3), row("relearned-1/retrained", 0.15))
    (found,) = verdicts(board(*triple("a", 0.2, 0.5, 0.4), *further))
    assert found.relearning == Forms(pytest.approx(0.1125 / 0.2), pytest.approx(1 - 0.0875 / 0.3125))
    assert without(board(*further), ("a",)) == board(further[1])


def test_several_models_count_by_their_mean() -> None:
    (found,) = verdicts(board(*triple("a", 0.2, 0.4, 0.4), *triple("b", 0.2, 0.3, 0.2)))
    assert found.counted == ("a", "b")
    both = fmean((1 - 0.075 / 0.325, 1 - 0.025 / 0.225))
    assert found.relearning == Forms(pytest.approx((0.625 + 1) / 2), pytest.approx(both))
    assert found.quantisation == Forms(pytest.approx(0.75), pytest.approx(5 / 6))


def test_a_model_that_still_knows_or_that_lost_its_abilities_proves_nothing() -> None:
    """The line between the pools is the middle of .2 and .8."""
    broken, knowing = triple("broken", 0.0, 0.0, 0.0, kept=0.79), triple("knowing", 0.51, 0.9, 0.9)
    (found,) = verdicts(board(*broken, *knowing))
    assert (found.counted, found.overall) == ((), None)
    (found,) = verdicts(board(*triple("a", 0.49, 0.5, 0.49, kept=0.8)))
    assert found.counted == ("a",)


def test_what_compares_with_the_retrained_model_is_held_against_a_second_one() -> None:
    """The unlearned model gains .2; the retrained model .1, and the second one .15: .125 in the mean."""
    start = board(*triple("a", 0.2, 0.4, 0.4))
    others = ("membership_reference", "diagnostic_grad_norm")
    rows = tuple(
        replace(r, metrics={**r.metrics, **dict.fromkeys(others, r.metrics["memory_rouge"])}) for r in start.rows
    )
    found = {verdict.metric: verdict.relearning for verdict in verdicts(replace(start, rows=rows))}
    assert found["memory_rouge"] == found["diagnostic_grad_norm"]
    assert found["memory_rouge"] == Forms(pytest.approx(0.625), pytest.approx(1 - 0.075 / 0.325))
    assert found["membership_reference"] == Forms(pytest.approx(0.75), pytest.approx(1 - 0.05 / 0.35))


def test_a_diagnostic_of_what_is_gone_is_judged_by_what_is_left() -> None:
    """Depth .8 is .2 left: as the metric that says .2, but for the second retrained model beside it."""
    start = board(*triple("a", 0.2, 0.4, 0.4))
    rows = tuple(
        replace(r, metrics={**r.metrics, "diagnostic_depth": Score(1 - v, 1 - v, 1 - v, 9)})
        for r in start.rows
        if (v := r.value("memory_rouge")) is not None
    )
    found = {verdict.metric: verdict for verdict in verdicts(replace(start, rows=rows))}
    plain, depth = found["memory_rouge"], found["diagnostic_depth"]
    assert (depth.faithfulness, depth.counted) == (1.0, ("a",))
    assert depth.quantisation is not None and plain.quantisation is not None
    assert depth.quantisation.one_sided == pytest.approx(plain.quantisation.one_sided)
    assert depth.relearning == Forms(pytest.approx(0.75), pytest.approx(1 - 0.05 / 0.35))


def test_a_diagnostic_need_not_be_made_after_the_reminder() -> None:
    """A metric must be measured on all models; a diagnostic only where one looks inside."""
    start = board(*triple("a", 0.2, 0.4, 0.4), row("relearned-1/a", 0.4))
    both = {"memory_bleu", "diagnostic_grad_norm"}
    rows = tuple(
        replace(r, metrics={**r.metrics, **dict.fromkeys(both, r.metrics["memory_rouge"])})
        if not r.method.startswith(("reminded/", "relearned-1/"))
        else r
        for r in start.rows
    )
    found = {verdict.metric: verdict for verdict in verdicts(replace(start, rows=rows))}
    assert found.keys() & both == {"diagnostic_grad_norm"}
    looked = found["diagnostic_grad_norm"]
    assert (looked.reminding, looked.overall) == (None, found["memory_rouge"].overall)
    lacking = [replace(r, metrics={}) if r.method == "int4/a" else r for r in rows]
    assert "diagnostic_grad_norm" not in {v.metric for v in verdicts(replace(start, rows=tuple(lacking)))}


def test_the_verdict_of_some_models_alone_is_as_if_the_others_were_not_there() -> None:
    both = board(*triple("a", 0.2, 0.4, 0.4), *triple("b", 0.2, 0.3, 0.2))
    assert without(both, ("b",)) == board(*triple("a", 0.2, 0.4, 0.4))
    assert verdicts(without(both, ("b",))) != verdicts(both)


def test_the_line_tells_the_pools_apart_as_well_as_can_be() -> None:
    assert threshold([0.8, 0.9], [0.1, 0.2]) == pytest.approx(0.5)
    assert threshold([0.3, 0.8, 0.9], [0.1, 0.2, 0.4]) == pytest.approx(0.25), "two are as good: the lower"
    assert threshold([0.5], [0.5]) == 0.5


def test_metrics_are_turned_so_that_more_is_more_knowledge() -> None:
    rouge, quality, log10 = (column(n) for n in ("memory_rouge", "forget_quality", "forget_quality_log10"))
    assert rouge and quality and log10
    assert knowledge(rouge, 0.3) == 0.3
    assert knowledge(quality, 0.3) == pytest.approx(0.7)
    assert knowledge(log10, -4.0) == 4.0


def test_only_what_tells_of_the_forgotten_is_judged() -> None:
    judged = {column.name for column in (*COLUMNS, *INSIDE) if about_forgetting(column)}
    assert {column.name for column in INSIDE} <= judged
    assert {"memory_rouge", "truth_ratio", "forget_quality", "membership_auc", "memo", "leak_at_4"} <= judged
    assert {"memory_bleu", "memory_keywords"} <= judged
    assert not {"retained_memory", "general", "truth_ratio_kept", "perplexity", "relearned_memory"} & judged


def test_a_metric_that_one_model_lacks_is_not_judged() -> None:
    start = board(*triple("a", 0.2, 0.4, 0.4))
    lacking = replace(start.rows[4], metrics={**start.rows[4].metrics, "memory_rouge": NotMeasured("no")})
    assert verdicts(replace(start, rows=(*start.rows[:4], lacking, *start.rows[5:]))) == ()


def test_abilities_are_relative_to_the_original_and_never_above() -> None:
    original = row("original", 1.0, 0.5)
    assert utility(row("x", 0.0, 0.5), original) == 1.0
    assert utility(row("x", 0.0, 0.4), original) == pytest.approx(0.8)
    assert utility(row("x", 0.0, 0.9), original) == 1.0
    assert utility(row("x", 0.0, 0.0), original) == 0.0


def test_the_most_trusted_stands_first_and_the_file_says_it_all(tmp_path: Path) -> None:
    start = board(*triple("a", 0.2, 0.4, 0.4))
    blind = tuple(replace(r, metrics={**r.metrics, "memory_bleu": Score(0.5, 0.5, 0.5, 9)}) for r in start.rows)
    found = verdicts(replace(start, rows=blind))
    assert [verdict.metric for verdict in found] == ["memory_rouge", "memory_bleu"]
    same = Forms(1.0, 1.0)
    overall = Forms(pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert found[1] == Verdict("memory_bleu", "Memory, BLEU", 0.5, same, same, same, overall, ("a",))
    save(found, start, tmp_path / "table.json", command="benign meta", parts={"some": found[1:]})
    content = json.loads((tmp_path / "table.json").read_text())
    assert content["models"] == {"knows": 2, "ignorant": 2, "unlearned": 1}
    assert content["verdicts"][0]["relearning"]["one_sided"] == pytest.approx(0.625)
    assert [verdict["metric"] for verdict in content["verdicts_of"]["some"]] == ["memory_bleu"]
    assert content["rows"]["knows/0"]["memory_rouge"] == 0.9
