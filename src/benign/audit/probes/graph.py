"""Facts as a graph: subject, relation, object; read and written in the format of the package ``llm2graph``.

Its ``KG.to_json`` (llm2graph 0.3.5, of the Unlearning Mirage, arXiv 2603.11266) writes an object with ``seed`` (the
entity that the graph was grown from), ``nodes`` (sorted names), ``edges`` (``subject``, ``relation``, ``object``) and
``meta`` (anything; ``num_nodes`` and ``num_edges`` are counted anew). It keeps one relation per pair of nodes, so that
a father and a teacher who are the same person become one; here every edge stays.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from benign.data.atomic import write_text
from benign.errors import UserError

_COUNTED = ("num_nodes", "num_edges")


@dataclass(frozen=True, order=True)
class Edge:
    """One fact."""

    subject: str
    """The name of the node that the fact is about."""
    relation: str
    """What is told of it: words ("was born in", "birthplace"), or a question with ``{s}`` where the name stands."""
    object: str
    """What is true of it."""


@dataclass(frozen=True)
class Graph:
    """What is known, fact by fact."""

    edges: tuple[Edge, ...]
    seed: str = ""
    """The entity that the graph was grown from; the format knows one."""
    alone: tuple[str, ...] = ()
    """Nodes without any fact."""
    meta: Mapping[str, Any] = field(default_factory=dict)
    """Everything else that was said about the graph. ``targets`` lists the subjects to forget where there are several;
    ``wordings`` has other questions with ``{s}`` by relation."""

    @property
    def targets(self) -> tuple[str, ...]:
        """The subjects to forget."""
        given = self.meta.get("targets")
        return tuple(given) if given else (self.seed,) if self.seed else ()

    @cached_property
    def nodes(self) -> tuple[str, ...]:
        """All names, sorted."""
        return tuple(sorted({*self.alone, *(e.subject for e in self.edges), *(e.object for e in self.edges)}))

    @cached_property
    def leaving(self) -> Mapping[str, tuple[Edge, ...]]:
        """The facts about each node, in order."""
        return _grouped((edge.subject, edge) for edge in self.edges)

    @cached_property
    def arriving(self) -> Mapping[tuple[str, str], tuple[str, ...]]:
        """By (relation, object): of whom it is true."""
        return _grouped(((edge.relation, edge.object), edge.subject) for edge in self.edges)

    @cached_property
    def told(self) -> Mapping[tuple[str, str], tuple[str, ...]]:
        """By (subject, relation): all that is true."""
        return _grouped(((edge.subject, edge.relation), edge.object) for edge in self.edges)


def _grouped(pairs: Any) -> dict[Any, tuple[Any, ...]]:
    found: dict[Any, dict[Any, None]] = {}
    for key, value in pairs:
        found.setdefault(key, {})[value] = None
    return {key: tuple(values) for key, values in found.items()}


def as_json(graph: Graph) -> dict[str, Any]:
    """The graph as ``llm2graph`` writes it."""
    edges = [{"subject": e.subject, "relation": e.relation, "object": e.object} for e in graph.edges]
    counts = {"num_nodes": len(graph.nodes), "num_edges": len(edges)}
    return {"seed": graph.seed, "nodes": list(graph.nodes), "edges": edges, "meta": {**graph.meta, **counts}}


def from_json(given: Any, *, where: str = "graph") -> Graph:
    """The graph of an object as ``llm2graph`` writes it.

    Raises:
        UserError: It is no such object; the message names the field.
    """
    if not isinstance(given, dict) or not isinstance(given.get("seed"), str):
        raise UserError("no graph: an object with `seed`, `nodes` and `edges` is expected", where=where)
    nodes, edges, meta = given.get("nodes", []), given.get("edges", []), given.get("meta", {})
    if not (isinstance(nodes, list) and all(isinstance(node, str) for node in nodes)):
        raise UserError("a list of names is expected", where=f"{where}: nodes")
    if not isinstance(edges, list):
        raise UserError("a list of objects is expected", where=f"{where}: edges")
    if not isinstance(meta, dict):
        raise UserError("an object is expected", where=f"{where}: meta")
    _check_meta(meta, where)
    read = tuple(_edge(edge, f"{where}: edges[{i}]") for i, edge in enumerate(edges))
    tied = {name for edge in read for name in (edge.subject, edge.object)}
    told = {key: value for key, value in meta.items() if key not in _COUNTED}
    return Graph(read, given["seed"], tuple(sorted({*nodes} - tied)), told)


def _check_meta(meta: Mapping[str, Any], where: str) -> None:
    targets, wordings = meta.get("targets", []), meta.get("wordings", {})
    if not _texts(targets):
        raise UserError("a list of names is expected", where=f"{where}: meta.targets")
    if not isinstance(wordings, dict) or not all(_texts(forms) for forms in wordings.values()):
        raise UserError("lists of questions by relation are expected", where=f"{where}: meta.wordings")


def _texts(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(one, str) for one in value)


def _edge(given: Any, where: str) -> Edge:
    parts = [given.get(name) for name in ("subject", "relation", "object")] if isinstance(given, dict) else []
    if len(parts) == 3 and parts[1] is None:
        parts[1] = ""
    if not parts or not all(isinstance(part, str) for part in parts):
        raise UserError("an object with the texts `subject`, `relation` and `object` is expected", where=where)
    return Edge(*map(str, parts))


def read_graph(path: str | Path) -> Graph:
    """The graph in a JSON file.

    Raises:
        UserError: The file cannot be read or holds no graph.
    """
    try:
        return from_json(json.loads(Path(path).read_text(encoding="utf-8")), where=str(path))
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=str(path)) from None
    except ValueError:
        raise UserError("no JSON", where=str(path)) from None


def write_graph(graph: Graph, path: str | Path) -> None:
    """Write the graph as JSON, as ``llm2graph`` does."""
    write_text(path, json.dumps(as_json(graph), ensure_ascii=False, indent=2) + "\n")
