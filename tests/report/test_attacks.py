"""The attack panel: every model beside the retrained one, the picture with every number, the answers one click away."""

from __future__ import annotations

import re
from dataclasses import replace

from audit.answering import many, seen
from benign.audit.attacks import Found
from benign.audit.score import Row, Score, Scoreboard
from benign.errors import NotMeasured
from benign.report.attacks import Panel, panel
from benign.report.dots import dots
from benign.report.html import render
from benign.report.page import Exhibit
from benign.report.trials import MOST, trials
from tests.report.pages import page, score


def board(*rows: tuple[str, dict[str, float | NotMeasured]]) -> Scoreboard:
    made = []
    for method, attacks in rows:
        metrics = {n: score(v) if isinstance(v, float) else v for n, v in {"memory_rouge": 0.1, **attacks}.items()}
        made.append(Row(method, metrics, 0.0, 0.0, 0))
    return Scoreboard("m", "", tuple(made), score(0.9))


def made(*rows: tuple[str, dict[str, float | NotMeasured]], best: str | None = None) -> Panel:
    found = panel(board(*rows), (), best)
    assert found is not None
    return found


def test_only_what_was_tried_has_a_line_and_no_attack_stands_first() -> None:
    found = made(
        ("original", {"relearned_memory": 0.9, "attack_prune": NotMeasured("not run")}),
        ("x", {"relearned_memory": 0.4, "attack_prune": NotMeasured("not run")}),
    )
    assert [attempt.title for attempt in found.attempts] == ["No attack", "Relearn"]
    assert [cell.text for cell in found.attempts[1].cells] == ["0.90", "0.40"]
    assert panel(board(("original", {}), ("x", {})), (), None) is None


def test_what_has_no_number_for_one_model_has_its_reason() -> None:
    found = made(
        ("original", {"attack_adapter": NotMeasured("there is no adapter")}),
        ("x", {"attack_adapter": 0.4}),
    )
    assert found.attempts[1].cells[0].footnote == 1
    assert found.footnotes == ("there is no adapter",)


def test_the_words_compare_with_the_retrained_model_under_the_same_attack() -> None:
    rows = (
        ("original", {"relearned_memory": 0.9, "attack_b": 0.9, "attack_c": 0.9}),
        ("retrained", {"relearned_memory": 0.3, "attack_b": 0.1, "attack_c": 0.5}),
        ("x", {"relearned_memory": 0.35, "attack_b": 0.8, "attack_c": 0.7}),
    )
    found = made(*rows)
    assert found.focus == 2, "the only method"
    # 0.35 is near 0.30; of the two that are far, b is farther.
    assert found.summary == (
        "3 attacks on x: B and C get clearly more out of it than out of the retrained model under the same attack; "
        "B most, 80\u00a0% beside 10\u00a0%."
    )
    calm = made(*rows[:2], ("x", {"relearned_memory": 0.3, "attack_b": 0.1, "attack_c": 0.5}))
    assert "none gets clearly more" in calm.summary
    assert "nobody can say" in made(rows[0], rows[2]).summary


def test_a_wide_interval_is_no_clear_difference() -> None:
    one = board(("retrained", {"attack_b": 0.1}), ("x", {"attack_b": 0.3}))
    wide = replace(one.rows[1], metrics={**one.rows[1].metrics, "attack_b": Score(0.3, 0.05, 0.6, 4)})
    found = panel(replace(one, rows=(one.rows[0], wide)), (), None)
    assert found is not None and "none gets clearly more" in found.summary


def test_several_methods_without_a_rank_have_no_focus() -> None:
    rows = (("retrained", {"attack_b": 0.1}), ("x", {"attack_b": 0.8}), ("y", {"attack_b": 0.2}))
    assert (made(*rows).focus, made(*rows).summary) == (None, "")
    assert made(*rows, best="y").focus == 2


def test_the_picture_has_a_mark_where_each_number_is() -> None:
    found = made(("original", {"attack_b": 1.0}), ("retrained", {"attack_b": 0.0}), ("x", {"attack_b": 0.5}))
    for narrow in (False, True):
        svg = dots(found, narrow=narrow)
        places = [float(x) for x in re.findall(r'<use href="#[^"]*" x="([\d.]+)" y="[\d.]+" style="[^"]*stroke', svg)]
        # The method in focus is drawn last, over the others: the attack's line is the last of two.
        assert len(places) == 6 and abs(places[-1] - (max(places) + min(places)) / 2) < 0.01
        assert "B: original 100\u00a0%, retrained 0\u00a0%, x 50\u00a0%" in svg


def test_an_attack_without_any_number_is_no_mark() -> None:
    rows = (
        ("original", {"relearned_memory": 0.5}),
        ("x", {"relearned_memory": NotMeasured("a"), "memory_rouge": NotMeasured("b")}),
    )
    svg = dots(made(*rows))
    assert "No attack: original 10\u00a0%" in svg and "x " not in svg.partition("<g")[0].partition("No attack")[2]


def test_the_evidence_is_what_the_methods_leaked() -> None:
    def found(*answers: str) -> Found:
        rows = (seen(text, gold="rome", record=str(i), question=f"q{i}") for i, text in enumerate(answers))
        return Found(score(0.5), many(*rows))

    [trial] = trials(
        {
            "original": {"a": found("rome", "rome", "rome", "oslo")},
            "retrained": {"a": found("rome", "lima", "lima", "lima")},
            "x": {"a": found("rome", "in Rome.", "i do not know", "lima")},
        }
    )
    assert trial.counts == {"original": (3, 4), "retrained": (1, 4), "x": (2, 4)}
    # The one that the retrained model does not give anyway comes first; what nobody says is not shown.
    assert [exhibit.question for exhibit in trial.exhibits] == ["q1", "q0", "q2"]
    assert trial.exhibits[0] == Exhibit("q1", "rome", {"original": "rome", "retrained": "lima", "x": "in Rome."})


def test_no_more_evidence_than_fits_and_none_where_there_is_none() -> None:
    many_answers = Found(score(1.0), many(*(seen("blue", record=str(i)) for i in range(50))))
    [trial] = trials({"x": {"a": many_answers, "b": Found(NotMeasured("not run"))}})
    assert len(trial.exhibits) == MOST and trial.counts == {"x": (50, 50)}


def test_a_number_leads_to_its_answers() -> None:
    text = render(page())
    section = text[text.index('aria-labelledby="attacks"') : text.index('aria-labelledby="examples"')]
    assert section.count('href="#evidence-relearned_memory"') >= 9
    inside = section[section.index('id="evidence-relearned_memory"') :]
    assert "npo 19 of 30" in inside and "it is asthma ." in inside and 'chip bad">leaked' in inside
    assert "handle it like the data" in render(page(examples=()))
