"""The probes about one forgotten subject: each fact asked alone, in other words, under other names, and in chains.

Source: the Unlearning Mirage (arXiv 2603.11266), whose queries are the simple paths that lead away from the target.
Records tie subjects only by what they have in common, so a chain here may also end with whoever shares the value, or
begin with a value that the subject alone has and never name the subject.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from benign.audit.attacks.alias import Alias
from benign.audit.metrics.words import normalised
from benign.audit.probes.graph import Edge, Graph
from benign.audit.probes.wording import Wording, wordings
from benign.engine.draw import derived_seed

Kind = Literal["single_hop", "paraphrase", "alias", "multi_hop", "retained"]
KINDS: tuple[Kind, ...] = ("single_hop", "paraphrase", "alias", "multi_hop", "retained")
Way = Literal["named", "onward", "shared", "described"]


@dataclass(frozen=True)
class Probe:
    """One question along a path of the graph."""

    kind: Kind
    subject: str
    """Whose facts are asked for."""
    question: str
    answers: tuple[str, ...]
    """Any of them is right."""
    path: tuple[Edge, ...]
    """The facts that the answer takes, in the order of the walk."""
    fact: Edge
    """The subject's fact that must be gone for the answer to be gone."""
    way: Way = "named"
    """``named`` for one fact of a named subject; ``onward`` for a path away from the name; ``shared`` for one that
    ends with another subject of the same value; ``described`` where a value stands for the name."""

    @property
    def id(self) -> str:
        """The same for the same question."""
        return f"{self.kind}/{derived_seed(self.question):016x}"

    @property
    def gives_away(self) -> bool:
        """Whether an answer stands in the question."""
        return tells(self.question, self.answers)


def tells(text: str, answers: Sequence[str]) -> bool:
    """Whether a text holds any of the answers, word by word; case, punctuation and articles do not count."""
    held = f" {normalised(text)} "
    return any(f" {told} " in held for answer in answers if (told := normalised(answer)))


@dataclass(frozen=True)
class Asker:
    """Makes probes of a graph."""

    graph: Graph
    hops: int = 2
    """The longest path; the Mirage grows its graphs to depth 2."""
    paraphrases: int = 3
    """Other wordings of each fact's question."""
    most: int | None = 20
    """Chains per subject and way, drawn by the seed; None takes all."""
    aliases: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Other names by name, asked before the forms that are made of the name."""
    seed: int = 0

    def single(self, subject: str, kind: Kind = "single_hop") -> list[Probe]:
        """Each fact about the subject, asked by name."""
        return list(self._asked(subject, kind, lambda wording: (wording.question(subject),)))

    def reworded(self, subject: str) -> list[Probe]:
        """Each fact in its other wordings."""

        def forms(wording: Wording) -> list[str]:
            return [replace(wording, ask=other).question(subject) for other in wording.others[: self.paraphrases]]

        return list(self._asked(subject, "paraphrase", forms))

    def renamed(self, subject: str) -> list[Probe]:
        """Each fact under the subject's other names."""
        made = dict.fromkeys((*self.aliases.get(subject, ()), *Alias().forms(subject, self.seed)))
        names = [name for name in made if name != subject]
        return list(self._asked(subject, "alias", lambda wording: [wording.question(name) for name in names]))

    def chained(self, subject: str) -> list[Probe]:
        """Paths of two facts and more, at most ``most`` of each way."""
        found: dict[Way, dict[str, Probe]] = {"onward": {}, "shared": {}, "described": {}}
        for probe in self._walks(subject):
            found[probe.way].setdefault(probe.question, probe)
        chosen = []
        for probes in found.values():
            drawn = sorted(probes.values(), key=lambda probe: derived_seed(self.seed, probe.question))
            chosen += drawn[: self.most]
        return chosen

    def near(self) -> tuple[str, ...]:
        """Nodes with facts of their own that are no target, one step from a target or one shared value away."""
        found: dict[str, None] = {}
        for target in self.graph.targets:
            for edge in self.graph.leaving.get(target, ()):
                found |= dict.fromkeys((edge.object, *self.graph.arriving[edge.relation, edge.object]))
        return tuple(node for node in found if node in self.graph.leaving and node not in self.graph.targets)

    @cached_property
    def _wordings(self) -> Mapping[str, Wording]:
        relations = list(dict.fromkeys(edge.relation for edge in self.graph.edges))
        return wordings(relations, self.graph.meta.get("wordings", {}))

    def _asked(self, subject: str, kind: Kind, forms: Callable[[Wording], Sequence[str]]) -> Iterator[Probe]:
        known = self._wordings
        for edge in _one_each(self.graph.leaving.get(subject, ())):
            answers = self.graph.told[subject, edge.relation]
            for question in dict.fromkeys(forms(known[edge.relation])):
                yield Probe(kind, subject, question, answers, (edge,), edge)

    def _walks(self, subject: str) -> Iterator[Probe]:
        known = self._wordings
        yield from self._onward(_Place(subject, subject, subject), known)
        for edge in _one_each(self.graph.leaving.get(subject, ())):
            if self.graph.arriving[edge.relation, edge.object] == (subject,):
                described = known[edge.relation].bearer(edge.object)
                yield from self._onward(_Place(described, subject, subject, (edge,), described=True), known)

    def _onward(self, place: _Place, known: Mapping[str, Wording]) -> Iterator[Probe]:
        """The questions about a place, and about the places that it leads to."""
        for edge in _one_each(self.graph.leaving.get(place.node, ())):
            values = self.graph.told[place.node, edge.relation]
            if {*values} & place.visited:
                continue
            path, wording = (*place.path, edge), known[edge.relation]
            if len(path) > 1:
                yield place.probe(wording.question(place.said), values, path)
            if len(path) == self.hops or len(values) > 1:
                continue
            same = self.graph.arriving[edge.relation, edge.object]
            if alike := [node for node in same if node not in {place.node, *place.visited}]:
                back = Edge(alike[0], edge.relation, edge.object)
                yield place.probe(wording.other(place.said), alike, (*path, back), shared=True)
            further = replace(place, said=wording.of(place.said), node=edge.object, path=path)
            yield from self._onward(further, known)


@dataclass(frozen=True)
class _Place:
    """Where a walk stands, and how the node is told without its name."""

    said: str
    node: str
    subject: str
    path: tuple[Edge, ...] = ()
    described: bool = False

    @property
    def visited(self) -> set[str]:
        return {self.subject, *(name for edge in self.path for name in (edge.subject, edge.object))}

    def probe(self, question: str, answers: Sequence[str], path: tuple[Edge, ...], *, shared: bool = False) -> Probe:
        way: Way = "described" if self.described else "shared" if shared else "onward"
        fact = path[1] if self.described else path[0]
        return Probe("multi_hop", self.subject, question, tuple(answers), path, fact, way)


def _one_each(edges: Sequence[Edge]) -> list[Edge]:
    """The first fact of each relation: all values of one relation are answers to one question."""
    found: dict[str, Edge] = {}
    for edge in edges:
        found.setdefault(edge.relation, edge)
    return list(found.values())
