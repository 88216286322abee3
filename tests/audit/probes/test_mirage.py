"""Scripted systems: one that lost the plain question only, one that lost the name only, one that never met anybody."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from audit.attacks.scripted import Rule, Scripted
from audit.probes.test_chains import BORN, GRAPH, PLAYS, TEACHER
from benign.audit.probes.graph import Edge, Graph, read_graph
from benign.audit.probes.mirage import GIVEN_AWAY, UNKNOWN, Mirage, Probed
from benign.audit.probes.saved import load_probes, save_probes
from benign.audit.probes.verdicts import Verdicts, judged, overall
from benign.audit.score import Score
from benign.data.record import Record
from benign.errors import NotMeasured, UserError


def system(name: str, knows: Rule) -> Scripted:
    made = Scripted(knows)
    made.digest = name
    return made


def everything(record: Record) -> bool:
    return True


def without_plain_questions(record: Record) -> bool:
    """Answers chains, other names and other words, but not the plain question with the name."""
    return not record.id.startswith("single_hop/")


def without_the_name(record: Record) -> bool:
    return "Ann Lee" not in record.question


def without_chains(record: Record) -> bool:
    """Answers single facts in any words, but nothing that takes two."""
    return not record.id.startswith("multi_hop/")


def never_met(record: Record) -> bool:
    return record.subject != "Ann Lee"


def probed(cache: Path, original: Rule = everything, graph: Graph = GRAPH, **systems: Rule) -> Probed:
    made = {name: system(name, rule) for name, rule in systems.items()}
    return Mirage()(graph, system("original", original), made, cache=cache)


def value(score: Score | NotMeasured) -> float:
    assert isinstance(score, Score), score
    return score.value


def shares(verdicts: Verdicts) -> dict[str, float]:
    return {kind: value(score) for kind, score in verdicts.accuracy.items()}


def test_each_system_is_called_what_it_is(tmp_path: Path) -> None:
    found = judged(
        probed(
            tmp_path,
            plain=without_plain_questions,
            name=without_the_name,
            chains=without_chains,
            gone=never_met,
            same=everything,
        )
    )
    nothing = {"single_hop": 0.0, "paraphrase": 0.0, "alias": 0.0, "multi_hop": 0.0, "retained": 1.0}
    assert shares(found["gone"]) == nothing
    assert shares(found["same"]) == dict.fromkeys(nothing, 1.0)
    assert shares(found["plain"]) == dict.fromkeys(nothing, 1.0) | {"single_hop": 0.0}
    assert shares(found["chains"]) == dict.fromkeys(nothing, 1.0) | {"multi_hop": 0.0}
    # Of the four chains one never says the name.
    assert shares(found["name"]) == nothing | {"alias": 1.0, "multi_hop": 0.25}
    residual = {name: value(verdicts.residual) for name, verdicts in found.items()}
    assert residual == {"original": 0.0, "plain": 1.0, "name": 1.0, "chains": 0.0, "gone": 0.0, "same": 0.0}
    scores = {name: value(verdicts.overall) for name, verdicts in found.items()}
    # plain: F = (0 + 1) / 2 and R = 1; name: F = (0 + 1/4) / 2.
    assert scores == pytest.approx(
        {"original": 0, "plain": 2 / 3, "name": 2 * 0.875 / 1.875, "chains": 2 / 3, "gone": 1, "same": 0}
    )


def test_a_fact_lost_alone_and_told_in_a_chain_is_flagged(tmp_path: Path) -> None:
    """The smallest case of the Mirage: A -r-> B -s-> C, and only the question r(A) was unlearned."""
    graph = Graph((Edge("A", TEACHER, "B"), Edge("B", PLAYS, "C")), "A")
    found = judged(probed(tmp_path, graph=graph, one=lambda r: r.question != "Who is the teacher of A?"))["one"]
    assert value(found.accuracy["single_hop"]) == 0 and value(found.accuracy["multi_hop"]) == 1
    assert value(found.residual) == 1


def test_only_what_the_original_answers_is_asked(tmp_path: Path) -> None:
    """The original never heard of the teacher, and does not understand titles: what rests on either is dropped."""

    def original(record: Record) -> bool:
        return "teacher" not in record.question and "Dr " not in record.question

    made = {"other": system("other", everything)}
    got = Mirage()(GRAPH, system("original", original), made, cache=tmp_path)
    assert got.graph.edges == tuple(edge for edge in GRAPH.edges if edge.relation != TEACHER)
    assert {probe.question for probe in got.checked.failed} == {
        "Who is the teacher of Ann Lee?",
        "Where was Dr Lee born?",
    }
    asked = {record.question for record in made["other"].asked}
    assert asked == {probe.question for probe in got.checked.kept}
    assert not [question for question in asked if "teacher" in question or "Dr " in question]
    assert got.dropped() == {"single_hop": {UNKNOWN: 1}, "alias": {UNKNOWN: 1}}
    score = judged(got)["original"].accuracy["alias"]
    assert isinstance(score, Score) and (score.value, score.n) == (pytest.approx(3 / 4), 4)
    told = judged(got)["other"].accuracy["alias"]
    assert isinstance(told, Score) and (told.value, told.n) == (1.0, 3)


def test_a_question_that_holds_its_answer_is_nobody_s_proof(tmp_path: Path) -> None:
    graph = Graph((Edge("Ann of Ulm", BORN, "Ulm"), Edge("Ann of Ulm", PLAYS, "viola")), "Ann of Ulm")
    got = probed(tmp_path, graph=graph, same=everything)
    assert {probe.question for probe in got.checked.given_away} >= {"Where was Ann of Ulm born?"}
    assert got.dropped()["single_hop"] == {GIVEN_AWAY: 1}
    assert all(probe.answers != ("Ulm",) or "Ulm" not in probe.question for probe in got.checked.kept)


def test_what_cannot_be_measured_is_said(tmp_path: Path) -> None:
    found = judged(probed(tmp_path, graph=Graph((Edge("Ann", PLAYS, "viola"),), "Ann"), same=everything))["same"]
    assert isinstance(found.accuracy["retained"], NotMeasured) and isinstance(found.overall, NotMeasured)
    with pytest.raises(UserError, match="no fact"):
        probed(tmp_path, graph=Graph((Edge("Ann", PLAYS, "viola"),), "Bob"))


def test_the_probes_are_saved_with_who_told_them(tmp_path: Path) -> None:
    got = probed(tmp_path / "seen", gone=never_met)
    graph, probes = save_probes(got, tmp_path)
    assert read_graph(graph).edges == GRAPH.edges and read_graph(graph).targets == ("Ann Lee",)
    saved = json.loads(probes.read_text())
    assert len(saved["probes"]) == len(got.checked.kept)
    told = {item["question"]: item["told"]["gone"] for item in saved["probes"]}
    assert told["Who has the same birthplace as Ann Lee?"] is False and told["Where was Bob Stone born?"] is True
    assert saved["systems"]["gone"]["single_hop"]["n"] == 2 and saved["systems"]["gone"]["single_hop"]["value"] == 0


def test_what_was_saved_is_read_again_with_the_answers(tmp_path: Path) -> None:
    got = probed(tmp_path / "seen", gone=never_met)
    _, probes = save_probes(got, tmp_path, whose="mine")
    saved, verdicts = load_probes(probes), judged(got)
    assert saved.about == "mine" and list(saved.numbers) == ["original", "gone"]
    for name, rows in saved.numbers.items():
        assert rows == {
            **verdicts[name].accuracy,
            "residual": verdicts[name].residual,
            "overall": verdicts[name].overall,
        }
    for probe, asked in zip(got.checked.kept, saved.asked, strict=True):
        assert (asked.kind, asked.question, asked.answers) == (probe.kind, probe.question, probe.answers)
        assert asked.said["original"] == probe.answers[0], "the scripted original gives the first answer"
        assert (asked.said["gone"] == probe.answers[0]) == (probe.subject != "Ann Lee")


@pytest.mark.parametrize(
    "damage", ["", "[]", '{"about": "x", "systems": {}}', '{"probes": 3, "systems": {}, "about": ""}']
)
def test_a_damaged_file_of_probes_is_one_line(damage: str, tmp_path: Path) -> None:
    (tmp_path / "probes.json").write_text(damage)
    with pytest.raises(UserError, match="run the probes again") as caught:
        load_probes(tmp_path / "probes.json")
    assert str(tmp_path / "probes.json") in caught.value.line()


@pytest.mark.parametrize(
    ("forgotten", "kept", "expected"),
    [((0.25,), 0.9, 0.8181818), ((0.0,), 1.0, 1.0), ((1.0,), 1.0, 0.0), ((0.0, 0.5), 1.0, 2 * 0.75 / 1.75)],
)
def test_overall_by_hand(forgotten: tuple[float, ...], kept: float, expected: float) -> None:
    """1 - F and R in harmony; .75 and .9 give 1.35 / 1.65."""
    assert overall([np.array([[share]]) for share in (*forgotten, kept)]) == pytest.approx(expected)
