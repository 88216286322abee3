"""The graph's file is the package's: what it writes is read, what is written it reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benign.audit.probes.graph import Edge, Graph, as_json, from_json, read_graph, write_graph
from benign.errors import UserError

TEXT = st.text(max_size=6)
EDGES = st.lists(st.builds(Edge, TEXT, TEXT, TEXT), max_size=8)
META = st.dictionaries(st.text(max_size=4).filter(lambda k: not k.startswith("num_")), st.integers() | TEXT, max_size=3)
PUBLISHED = {
    "seed": "Ann Lee",
    "nodes": ["Ann Lee", "Bob Stone", "Ulm"],
    "edges": [{"subject": "Ann Lee", "relation": "was born in", "object": "Ulm"}],
    "meta": {"construction": {"max_depth": 2}, "num_nodes": 3, "num_edges": 1},
}
"""What ``KG("Ann Lee").to_json()`` gives in llm2graph 0.3.5 for one triple and a node that no triple reaches."""


@settings(max_examples=60, deadline=None)
@given(EDGES, TEXT, st.lists(TEXT, max_size=3), META)
def test_what_is_written_is_read(edges: list[Edge], seed: str, alone: list[str], meta: dict[str, object]) -> None:
    graph = Graph(tuple(edges), seed, tuple(alone), meta)
    again = from_json(json.loads(json.dumps(as_json(graph))))
    assert (again.edges, again.seed, again.nodes, again.meta) == (graph.edges, seed, graph.nodes, meta)
    assert as_json(again) == as_json(graph)


def test_the_published_format_comes_back_as_it_was() -> None:
    graph = from_json(PUBLISHED)
    assert graph.targets == ("Ann Lee",) and graph.alone == ("Bob Stone",)
    assert as_json(graph) == PUBLISHED


def test_counts_are_counted_anew() -> None:
    assert as_json(from_json({**PUBLISHED, "meta": {"num_edges": 99}}))["meta"] == {"num_nodes": 3, "num_edges": 1}


def test_the_package_reads_and_writes_the_same() -> None:
    package = pytest.importorskip("llm2graph")
    edges = (Edge("Ann", "born in", "Ulm"), Edge("Bob", "knows", "Ann"))
    graph = Graph(edges, "Ann", ("Cy",), {"made": "by hand"})
    assert package.KG.from_json(as_json(graph)).to_json() == as_json(graph)
    grown = package.KG("Ann")
    grown.add_triples([(e.subject, e.relation, e.object) for e in edges])
    assert from_json(grown.to_json()).edges == edges


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ([], "g"),
        ({"nodes": []}, "g"),
        ({"seed": "a", "nodes": "ab"}, "g: nodes"),
        ({"seed": "a", "edges": {}}, "g: edges"),
        ({"seed": "a", "edges": [{"subject": "a", "object": "b"}, {"subject": "a"}]}, "g: edges[1]"),
        ({"seed": "a", "edges": ["a"]}, "g: edges[0]"),
        ({"seed": "a", "meta": 1}, "g: meta"),
        ({"seed": "a", "meta": {"targets": "ann"}}, "g: meta.targets"),
        ({"seed": "a", "meta": {"wordings": {"r": "x"}}}, "g: meta.wordings"),
    ],
)
def test_what_is_no_graph_is_named(given: object, where: str) -> None:
    with pytest.raises(UserError) as caught:
        from_json(given, where="g")
    assert caught.value.where == where


def test_files(tmp_path: Path) -> None:
    write_graph(from_json(PUBLISHED), tmp_path / "graph.json")
    assert as_json(read_graph(tmp_path / "graph.json")) == PUBLISHED
    (tmp_path / "no.json").write_text("{")
    for name in ("no.json", "absent.json"):
        with pytest.raises(UserError, match=name):
            read_graph(tmp_path / name)
