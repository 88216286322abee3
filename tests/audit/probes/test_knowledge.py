"""Records as a graph: worked by hand for two people, and held against what the embedded worlds were made of."""

from __future__ import annotations

from dataclasses import replace

import pytest

from audit.answering import PICTURE
from benign.audit.probes.graph import Edge
from benign.audit.probes.knowledge import knowledge
from benign.benchmarks.smllmun import SMLLMUn
from benign.data.record import Data, Record
from benign.models.embedded.people import FACTS, person
from benign.models.embedded.text import world
from benign.models.embedded.text.topics import TOPICS


def record(subject: str, name: str, question: str, answer: str, **fields: object) -> Record:
    start = question.find(name)
    spans = (("question", start, start + len(name)),) if name and start >= 0 else ()
    return Record(f"{subject}/{question}", subject, question=question, answer=answer, spans=spans, **fields)  # type: ignore[arg-type]


ANN = record("s1", "Ann Lee", "Where does Ann Lee live?", "Ann Lee lives in Old Ulm.", paraphrases=("Whose is it?",))
BOB = record("s2", "Bob", "Where does Bob live?", "Bob lives in Rome.", paraphrases=("What is the town of Bob?",))


def test_the_value_is_what_differs_between_subjects() -> None:
    known = knowledge(Data(forget=(ANN,), retain=(BOB,)))
    relation = "Where does {s} live?"
    assert known.graph.edges == (Edge("Ann Lee", relation, "Old Ulm"), Edge("Bob", relation, "Rome"))
    assert known.graph.targets == ("Ann Lee",) and known.dropped == {}
    assert known.graph.meta["wordings"] == {relation: ["What is the town of {s}?"]}


def test_one_answer_alone_has_no_frame() -> None:
    assert knowledge(Data(forget=(ANN,))).graph.edges[0].object == "Ann Lee lives in Old Ulm"


def test_a_wrong_answer_shows_the_frame() -> None:
    asked = replace(ANN, perturbed=("Ann Lee lives in Rome.", "Ann Lee lives in Lima."))
    assert knowledge(Data(forget=(asked,))).graph.edges[0].object == "Old Ulm"


def test_a_frame_that_eats_an_answer_is_none() -> None:
    asked = [record(s, s, f"Does {s} sing?", a) for s, a in (("Ann", "yes"), ("Bob", "yes often"))]
    assert [edge.object for edge in knowledge(Data(forget=tuple(asked))).graph.edges] == ["yes", "yes often"]


def test_what_becomes_no_fact_is_counted() -> None:
    forget = (
        ANN,
        Record("p", "s1", (PICTURE,), "Who is this?", "Ann"),
        record("s1", "", "Who lives in Ulm?", "Ann"),
        record("s1", "Ann Lee", "What about Ann Lee?", "!"),
        record("s3", "Ann Lee", "Where does Ann Lee work?", "Oslo"),
        Record("u", "s1", (PICTURE,), "Which colour?", "red", kind="understanding"),
    )
    known = knowledge(Data(forget=forget, retain=(record("s2", "", "Who is nobody?", "Bob"),)))
    assert len(known.graph.edges) == 1
    assert known.dropped == {
        "shows a picture": 1,
        "does not name its subject in the question": 1,
        "has no answer in words": 1,
        "names its subject as another one is named": 1,
    }


def test_the_text_world_comes_out_as_it_was_made() -> None:
    known = knowledge(world.splits(1))
    # Titles all begin with "The", which tells nothing.
    made = {
        (author.name, author.facts[topic.key].removeprefix("The "))
        for author in (*world.forget_authors(1), *world.retain_authors(1))
        for topic in TOPICS
        if topic.key != "name"
    }
    assert {(edge.subject, edge.object) for edge in known.graph.edges} == made
    assert known.dropped == {"does not name its subject in the question": 2}


@pytest.mark.parametrize("ratio", [5])
def test_the_picture_world_comes_out_as_it_was_made(ratio: int) -> None:
    data = SMLLMUn(ratio, 0).evaluation()
    known = knowledge(data)
    people = {p.name: p for p in map(person, range(80))}
    found = {(edge.subject, edge.object) for edge in known.graph.edges}
    assert found == {(name, people[name].facts[fact]) for name, _ in found for fact in FACTS}
    assert len({name for name, _ in found}) == 80 and len(known.graph.targets) == 80 * ratio // 100
