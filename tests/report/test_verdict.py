"""The verdict's words follow the numbers, case by case."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benign.audit.score import Row, Score, Scoreboard
from benign.errors import NotMeasured
from benign.report.verdict import Verdict, verdict
from tests.report.pages import method_row, score, scoreboard

REFERENCES = ("original", "retrained")


def board(*rows: Row, gap: Score | NotMeasured | None = None) -> Scoreboard:
    known = tuple(method_row(name) for name in REFERENCES)
    return Scoreboard("toy", "", (*known, *rows), gap or score(0.95))


def changed(method: str, name: str = "mine", **metrics: float | NotMeasured) -> Row:
    """A row like the given method's, with some numbers of one's own."""
    row = method_row(method)
    new = {key: score(value) if isinstance(value, float) else value for key, value in metrics.items()}
    return replace(row, method=name, metrics={**row.metrics, **new})


def status(found: Verdict, method: str) -> str:
    return next(finding.status for finding in found.findings if finding.method == method)


def test_the_best_method_is_named_and_what_came_back_is_said() -> None:
    found = verdict(scoreboard())
    assert found.headline == "smfa_self_answers forgets and keeps the rest, but the memory is suppressed, not erased"
    assert found.tone == "mixed"
    assert found.best == "smfa_self_answers"
    assert found.findings[0].method == "smfa_self_answers"
    assert "grad_ascent" in found.summary and "Destroyed" in found.summary


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("grad_ascent", "destroyed"),
        ("npo", "still remembers"),
        ("idk", "forgets, at a price"),
        ("smfa_self_answers", "forgets and keeps"),
    ],
)
def test_every_fate_has_its_word(method: str, expected: str) -> None:
    assert status(verdict(scoreboard()), method) == expected


def test_what_a_method_lost_is_told_against_the_original() -> None:
    found = verdict(scoreboard("original", "retrained", "idk"))
    assert "down to 15\u00a0% of the original" in found.findings[0].text
    assert "remembering what was to stay to 72\u00a0%" in found.findings[0].text
    assert "general" not in found.findings[0].text


def test_a_destroyed_model_is_never_the_best_however_little_it_remembers() -> None:
    found = verdict(scoreboard("original", "retrained", "grad_ascent", "kl_min"))
    assert found.best is None and found.figures == ()
    assert found.headline == "Nothing usable is left"
    assert found.tone == "bad"
    assert "1\u00a0% is left of the memory that was to stay" in next(
        finding.text for finding in found.findings if finding.method == "grad_ascent"
    )


def test_below_the_threshold_nothing_is_ranked_and_the_reason_is_given() -> None:
    found = verdict(scoreboard(gap=score(0.21)), threshold=0.5)
    assert found.headline == "No ranking: there was hardly anything to forget"
    assert "0.21" in found.summary and "0.50" in found.summary
    assert found.best is None and found.figures == () and found.relearning == ()
    assert {finding.status for finding in found.findings} == {"destroyed", "not judged"}
    assert verdict(scoreboard(gap=score(0.21)), threshold=0.2).best == "smfa_self_answers"


def test_without_a_retrained_model_nothing_is_ranked_and_the_reason_is_given() -> None:
    found = verdict(scoreboard("original", "smfa", gap=NotMeasured("no retrained model given")))
    assert found.headline.startswith("No ranking")
    assert "no retrained model given" in found.summary.lower()
    assert status(found, "smfa") == "not judged"


def test_a_first_place_that_still_remembers_is_no_success() -> None:
    found = verdict(scoreboard("original", "retrained", "npo"))
    assert found.headline == "No method forgets and keeps"
    assert found.tone == "bad"


def test_memory_that_comes_back_as_in_a_retrained_model_is_not_called_suppressed() -> None:
    found = verdict(board(changed("smfa_self_answers", relearned_memory=0.15)))
    assert found.tone == "good"
    assert found.headline.endswith("relearning brings back no more than in a retrained model")
    assert not any("Suppressed" in sentence for sentence in found.relearning)


def test_memory_that_comes_back_is_set_beside_both_references() -> None:
    sentence = verdict(board(method_row("smfa"))).relearning[0]
    assert sentence.startswith("Suppressed, not erased: smfa.")
    assert "72\u00a0%" in sentence
    assert "10\u00a0% for the retrained model" in sentence and "99\u00a0% for the original" in sentence


def test_a_difference_inside_the_interval_is_not_called_suppressed() -> None:
    row = changed("smfa_self_answers")
    wide = replace(row, metrics={**row.metrics, "relearned_memory": Score(0.25, 0.05, 0.5, 6)})
    assert not any("Suppressed, not erased" in sentence for sentence in verdict(board(wide)).relearning)


def test_an_attack_that_was_not_run_leaves_the_question_open() -> None:
    found = verdict(board(changed("smfa_self_answers", relearned_memory=NotMeasured("the attack was left out"))))
    assert found.headline.endswith("but whether it is erased was not tested")
    assert any("the attack was left out" in sentence for sentence in found.relearning)
    assert found.figures[-1].value == "?"


def test_what_was_not_measured_is_listed_with_reason_and_owner() -> None:
    gaps = {gap.columns: gap for gap in verdict(scoreboard()).unmeasured}
    assert gaps[("Neighbours' memory",)].methods == ()
    assert gaps[("Neighbours' memory",)].reason == "no neighbour records given"
    assert gaps[("Memory, relearned",)].methods == ("kl_min",)


def test_nothing_measured_gives_reasons_and_no_number() -> None:
    empty = {name: NotMeasured("the disk was full") for name in method_row("original").metrics}
    rows = tuple(replace(method_row(name), metrics=empty) for name in (*REFERENCES, "smfa"))
    found = verdict(Scoreboard("toy", "", rows, NotMeasured("the disk was full")))
    assert found.headline == "No ranking: something was not measured"
    assert "the disk was full" in found.gap
    assert found.findings[0].text.startswith("How much it still remembers was not measured.")
    assert [gap.reason for gap in found.unmeasured] == ["the disk was full"]


def test_a_scoreboard_without_methods_has_nothing_to_judge() -> None:
    assert verdict(scoreboard("original", "retrained")).headline == "Nothing to judge"


def test_a_success_on_part_of_the_measures_says_so() -> None:
    unknown = NotMeasured("no general records given")
    rows = tuple(changed(name, name, general=unknown) for name in (*REFERENCES, "smfa_self_answers"))
    found = verdict(Scoreboard("toy", "", rows, score(0.95)))
    assert found.headline.startswith("smfa_self_answers forgets and keeps what was measured")
    assert "Not measured: General." in found.summary


def test_the_guarantee_names_its_bypass() -> None:
    row = method_row("smfa")
    found = verdict(board(row, replace(row, method="steer", guarantee="suppression")))
    weights, guard = found.guarantees
    assert "(smfa)" in weights and "With the delta switched off the original is back" in weights
    assert "99\u00a0%" in weights
    assert "(steer)" in guard and "with the guard switched off" in guard


def test_several_seeds_of_a_method_are_one_finding() -> None:
    seeds = [replace(method_row("smfa"), seed=seed) for seed in (0, 1, 2)]
    assert [finding.method for finding in verdict(board(*seeds)).findings] == ["smfa"]


@pytest.mark.parametrize(("mark", "said"), [(3.0, True), (9.5, False)])
def test_good_language_is_no_sign_of_a_wreck(mark: float, said: bool) -> None:
    wreck = changed("grad_ascent", "mine", meaningful=mark)
    (finding,) = verdict(board(wreck)).findings
    assert ("of 10 as language" in finding.text) is said
