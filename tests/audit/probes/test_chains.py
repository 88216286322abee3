"""A graph of four facts, and every probe of it written out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benign.audit.probes.chains import Asker, Probe, tells
from benign.audit.probes.graph import Edge, Graph
from benign.audit.probes.wording import wording

BORN, TEACHER, PLAYS = "Where was {s} born?", "Who is the teacher of {s}?", "Which instrument does {s} play?"
GRAPH = Graph(
    (
        Edge("Ann Lee", BORN, "Ulm"),
        Edge("Ann Lee", TEACHER, "Bob Stone"),
        Edge("Bob Stone", BORN, "Ulm"),
        Edge("Bob Stone", PLAYS, "viola"),
    ),
    "Ann Lee",
    meta={"wordings": {BORN: ["What is the birthplace of {s}?"]}},
)


def asked(probes: list[Probe]) -> dict[str, tuple[str, ...]]:
    return {probe.question: probe.answers for probe in probes}


def test_single_facts_and_their_other_wordings() -> None:
    asker = Asker(GRAPH)
    assert asked(asker.single("Ann Lee")) == {
        "Where was Ann Lee born?": ("Ulm",),
        "Who is the teacher of Ann Lee?": ("Bob Stone",),
    }
    assert asked(asker.reworded("Ann Lee")) == {"What is the birthplace of Ann Lee?": ("Ulm",)}
    assert asker.near() == ("Bob Stone",)
    assert asked(asker.single("Bob Stone", "retained")) == {
        "Where was Bob Stone born?": ("Ulm",),
        "Which instrument does Bob Stone play?": ("viola",),
    }


def test_other_names_given_ones_first() -> None:
    questions = [p.question for p in Asker(GRAPH, aliases={"Ann Lee": ["the Owl"]}).renamed("Ann Lee")]
    births = [q.removeprefix("Where was ").removesuffix(" born?") for q in questions if q.startswith("Where")]
    # Neither word is long enough to be misspelt.
    assert births == ["the Owl", "A. Lee", "Lee", "Lee, Ann", "Dr Lee"] and len(questions) == 10


def test_every_chain_of_two_facts() -> None:
    ann, teacher, bob, plays = GRAPH.edges
    chains = {probe.question: probe for probe in Asker(GRAPH).chained("Ann Lee")}
    assert {q: (p.answers, p.way, p.path, p.fact) for q, p in chains.items()} == {
        "Where was the teacher of Ann Lee born?": (("Ulm",), "onward", (teacher, bob), teacher),
        "Which instrument does the teacher of Ann Lee play?": (("viola",), "onward", (teacher, plays), teacher),
        "Who has the same birthplace as Ann Lee?": (("Bob Stone",), "shared", (ann, bob), ann),
        "Where was the one whose teacher is Bob Stone born?": (("Ulm",), "described", (teacher, ann), ann),
    }
    assert {p.kind for p in chains.values()} == {"multi_hop"} and {p.subject for p in chains.values()} == {"Ann Lee"}


def test_chains_of_three_facts_lead_on_from_chains_of_two() -> None:
    longer = replace(GRAPH, edges=(*GRAPH.edges, Edge("Bob Stone", TEACHER, "Cy"), Edge("Cy", PLAYS, "cello")))
    three = asked(Asker(longer, hops=3).chained("Ann Lee"))
    two = asked(Asker(longer).chained("Ann Lee"))
    assert three.keys() >= two.keys()
    assert {question: three[question] for question in three.keys() - two.keys()} == {
        "Which instrument does the teacher of the teacher of Ann Lee play?": ("cello",),
    }


def test_a_value_that_several_share_describes_nobody() -> None:
    alone = replace(GRAPH, edges=tuple(edge for edge in GRAPH.edges if edge != Edge("Bob Stone", BORN, "Ulm")))
    assert "Who is the teacher of the one whose birthplace is Ulm?" in asked(Asker(alone).chained("Ann Lee"))
    assert "Who is the teacher of the one whose birthplace is Ulm?" not in asked(Asker(GRAPH).chained("Ann Lee"))


def test_two_relations_between_the_same_nodes_stay_two() -> None:
    twice = Graph((Edge("Ann", TEACHER, "Bob"), Edge("Ann", "Who is the uncle of {s}?", "Bob")), "Ann")
    assert len(Asker(twice).single("Ann")) == 2


def test_several_values_are_one_question_and_no_step() -> None:
    edges = (Edge("Ann", TEACHER, "Bob"), Edge("Ann", TEACHER, "Cy"), Edge("Bob", BORN, "Ulm"))
    assert asked(Asker(Graph(edges, "Ann")).single("Ann")) == {"Who is the teacher of Ann?": ("Bob", "Cy")}
    assert Asker(Graph(edges, "Ann")).chained("Ann") == []


def test_a_circle_is_not_walked_twice() -> None:
    circle = Graph((Edge("Ann", TEACHER, "Bob"), Edge("Bob", TEACHER, "Ann")), "Ann")
    assert all("Ann" not in p.answers for p in Asker(circle, hops=4).chained("Ann"))


def test_most_limits_each_way_and_is_a_function_of_the_seed() -> None:
    values = [f"v{i}" for i in range(12)]
    edges = tuple(Edge("Ann", f"What is the part {v} of {{s}}?", v) for v in values)
    asker = Asker(Graph(edges, "Ann"), most=5)
    first = [probe.question for probe in asker.chained("Ann")]
    assert len(first) == 5 == len({*first})
    assert first == [p.question for p in replace(asker).chained("Ann")]
    assert first != [p.question for p in replace(asker, seed=1).chained("Ann")]
    assert len(replace(asker, most=None).chained("Ann")) == 12 * 11


@pytest.mark.parametrize(
    ("relation", "others", "noun"),
    [
        ("What is the home town of {s}?", (), "the home town of {s}"),
        ("Where was {s} born?", ("Which town is the birthplace of {s}?",), "the birthplace of {s}"),
        ("Where was {s} born?", ("Of {s}, name the place of birth.",), "the place of birth of {s}"),
        ("Where?", ("Please tell me what the job of {s} is.",), "the job of {s}"),
        ("What did the father of {s} do for a living?", (), ""),
        ("Who was the father of the friend of {s}?", (), "the father of the friend of {s}"),
    ],
)
def test_the_noun_of_a_question(relation: str, others: tuple[str, ...], noun: str) -> None:
    assert wording(relation, others).noun == noun


def test_a_relation_without_a_noun_is_told_by_its_question() -> None:
    plays = wording(PLAYS)
    assert plays.of("Ann") == 'the answer to "Which instrument does Ann play?"'
    assert plays.bearer("viola") == 'the one for whom the answer to "Which instrument does this one play?" is viola'
    assert plays.other("Ann") == (
        'For whom is the answer to "Which instrument does this one play?" the same as for Ann?'
    )


def test_a_relation_in_words_is_left_to_be_completed() -> None:
    born = wording("was born in")
    assert born.question("Ann") == "What is missing here: Ann was born in ...?"
    assert born.others == ()


def test_an_answer_counts_word_by_word() -> None:
    assert tells("She was born in ULM.", ("Ulm",)) and tells("The Silent Orchard, 1980", ("silent orchard",))
    assert (
        not tells("Ulmen", ("Ulm",))
        and not tells("an orchard, silent", ("Silent Orchard",))
        and not tells("", ("x", ""))
    )
    assert tells("It is Bob.", ("Ann", "Bob"))
