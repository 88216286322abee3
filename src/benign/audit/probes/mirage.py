"""The Unlearning Mirage's dynamic probes: what the original model knows of a forgotten subject, asked in other ways.

First the original is asked each fact; only what it knows is asked further, in other words, under other names and in
chains, and only the probes that the original answers are put to the other systems. So a probe that a system fails says
that something was lost, and not that the question was bad.

Source: arXiv 2603.11266 and its package ``llm2graph`` 0.3.5, with these differences: each probe is checked on the
original as it is asked (the package checks the plain question of each path only), two relations between the same nodes
stay two, and what must be kept is asked of the nodes next to the targets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from benign.audit.observe import observe
from benign.audit.plan import Ask
from benign.audit.probes.chains import KINDS, Asker, Kind, Probe, tells
from benign.audit.probes.graph import Graph
from benign.audit.score import ORIGINAL
from benign.data.record import Record
from benign.engine.serve import System
from benign.engine.train import Report
from benign.errors import UserError

GIVEN_AWAY = "the question holds the answer"
UNKNOWN = "the original model does not answer it"


@dataclass(frozen=True)
class Mirage:
    """How probes are made and asked."""

    hops: int = 2
    """The longest chain of facts; the Mirage grows its graphs to depth 2."""
    paraphrases: int = 3
    """Other wordings of each known fact, where the graph has any."""
    most: int | None = 20
    """Chains per subject and way; None takes all."""
    retained: int | None = 100
    """Facts of others, next to the forgotten, that must be kept; None asks all."""
    aliases: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Other names by name, asked beside the forms that are made of the name."""
    max_new_tokens: int = 64
    """Length limit of an answer."""
    seed: int = 0
    """Draws the chains and the misspelt names."""

    def __call__(
        self,
        graph: Graph,
        original: System,
        systems: Mapping[str, System],
        *,
        cache: Path,
        report: Report | None = None,
    ) -> Probed:
        """Elicit, build, check on the original, and ask the others.

        Args:
            graph: What is claimed to be known; its targets are the forgotten subjects.
            original: The model before unlearning.
            systems: Who is asked, by name: results, the retrained model.
            cache: The folder of observations.
            report: Called as (what, done, total) as work goes on.

        Raises:
            UserError: The graph has no fact about any target.
        """
        asking = _Asking(cache, self.max_new_tokens, report)
        asker = Asker(graph, self.hops, self.paraphrases, self.most, self.aliases, self.seed)
        facts = [probe for target in graph.targets for probe in asker.single(target)]
        if not facts:
            raise UserError("no fact about a subject to forget", where="graph", fix="name a target that has edges")
        beside = [probe for node in asker.near() for probe in asker.single(node, "retained")]
        step = max(1, -(-len(beside) // self.retained)) if self.retained else 1
        first = asking.checked(original, [*facts, *beside[::step]])
        known = elicited(graph, first)
        made = replace(asker, graph=known)
        further = [
            probe
            for target in graph.targets
            for probe in (*made.reworded(target), *made.renamed(target), *made.chained(target))
        ]
        checked = first + asking.checked(original, further)
        said = {name: asking.ask(name, system, checked.kept) for name, system in systems.items()}
        return Probed(known, checked, said)


@dataclass(frozen=True)
class Checked:
    """Probes after their check on the original model."""

    kept: tuple[Probe, ...] = ()
    """Those that the original answers."""
    failed: tuple[Probe, ...] = ()
    """Those that it was asked and does not answer."""
    given_away: tuple[Probe, ...] = ()
    """Those whose question holds the answer, which nobody was asked."""
    said: tuple[str, ...] = ()
    """The original's answers to those that are kept, in their order."""

    def __add__(self, other: Checked) -> Checked:
        return Checked(
            self.kept + other.kept,
            self.failed + other.failed,
            self.given_away + other.given_away,
            self.said + other.said,
        )


@dataclass(frozen=True)
class Probed:
    """Who still tells what."""

    graph: Graph
    """What the original model knows of what was claimed."""
    checked: Checked
    said: Mapping[str, tuple[str, ...]]
    """By system but the original, its answer to each kept probe, in their order."""

    @cached_property
    def told(self) -> Mapping[str, tuple[bool, ...]]:
        """By system, whether it answers each kept probe."""
        pairs = {name: zip(texts, self.checked.kept, strict=True) for name, texts in self.said.items()}
        return {name: tuple(tells(text, probe.answers) for text, probe in found) for name, found in pairs.items()}

    def of(self, name: str, kind: Kind) -> list[tuple[Probe, bool]]:
        """A system's outcome on the kept probes of one kind."""
        pairs = zip(self.checked.kept, self.told[name], strict=True)
        return [(probe, told) for probe, told in pairs if probe.kind == kind]

    def dropped(self) -> Mapping[Kind, Mapping[str, int]]:
        """How many probes of each kind nobody but the original was asked, by reason."""
        counts: dict[Kind, Counter[str]] = {kind: Counter() for kind in KINDS}
        for reason, probes in ((UNKNOWN, self.checked.failed), (GIVEN_AWAY, self.checked.given_away)):
            for probe in probes:
                counts[probe.kind][reason] += 1
        return {kind: dict(found) for kind, found in counts.items() if found}


def elicited(graph: Graph, first: Checked) -> Graph:
    """The graph without what the original was asked by a single fact and does not know."""
    unknown = {(probe.fact.subject, probe.fact.relation) for probe in first.failed}
    edges = tuple(edge for edge in graph.edges if (edge.subject, edge.relation) not in unknown)
    left = {name for edge in edges for name in (edge.subject, edge.object)}
    return Graph(edges, graph.seed, tuple(sorted({*graph.nodes} - left)), {**graph.meta, "targets": [*graph.targets]})


@dataclass(frozen=True)
class _Asking:
    cache: Path
    max_new_tokens: int
    report: Report | None

    def checked(self, original: System, probes: Sequence[Probe]) -> Checked:
        unique = list({probe.id: probe for probe in probes}.values())
        fair = [probe for probe in unique if not probe.gives_away]
        asked = list(zip(fair, self.ask(ORIGINAL, original, fair), strict=True))
        right = [(probe, text) for probe, text in asked if tells(text, probe.answers)]
        return Checked(
            tuple(probe for probe, _ in right),
            tuple(probe for probe, text in asked if not tells(text, probe.answers)),
            tuple(probe for probe in unique if probe.gives_away),
            tuple(text for _, text in right),
        )

    def ask(self, name: str, system: System, probes: Sequence[Probe]) -> tuple[str, ...]:
        asks = [Ask("retain" if p.kind == "retained" else "forget", p.kind, _record(p)) for p in probes]
        progress: Callable[[int, int], None] | None = None
        if self.report:
            report = self.report

            def progress(done: int, total: int) -> None:
                report(f"probe {name}", done, total)

        seen = observe(system, asks, cache=self.cache, max_new_tokens=self.max_new_tokens, progress=progress)
        return tuple(o.text for o in seen)


def _record(probe: Probe) -> Record:
    return Record(probe.id, probe.subject, question=probe.question, answer=probe.answers[0])
