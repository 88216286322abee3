"""Probes of finished runs: a graph from the records or from a file, and everybody asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benign.audit.probes.graph import Graph
from benign.audit.probes.knowledge import knowledge
from benign.audit.probes.mirage import Mirage, Probed
from benign.audit.probes.saved import about, save_probes
from benign.audit.run import Candidate, candidates
from benign.audit.score import RETRAINED
from benign.data.record import Data
from benign.engine.place import claimed
from benign.engine.result import Result
from benign.engine.serve import Served, System
from benign.engine.train import Report
from benign.errors import UserError
from benign.models.load import Model, load


@dataclass(frozen=True)
class Probes:
    """What probing found, and what was left out before anybody was asked."""

    probed: Probed
    left_out: Mapping[str, int]
    """Memory questions of the forget set that are no fact of the graph, by reason."""
    folder: Path
    """Where ``graph.json``, ``probes.json`` and the observations are."""


def probe(
    model: Model | str | Path,
    results: Sequence[Result | str | Path | Candidate],
    data: Data,
    *,
    out: str | Path,
    retrained: Model | str | Path | None = None,
    graph: Graph | None = None,
    mirage: Mirage | None = None,
    progress: Report | None = None,
) -> Probes:
    """Ask the original model what it knows of the forgotten subjects, and the others what is left of it.

    A killed run goes on where it stopped: answers are cached in ``out``, which holds what was to be forgotten.

    Args:
        model: The original model.
        results: Finished runs (or their folders), or candidates of one's own.
        data: The records, which the graph is made of where none is given.
        out: The probes' folder: ``observations/``, ``graph.json``, ``probes.json``.
        retrained: A model that never saw the forget set: what a good score is.
        graph: What is claimed to be known, from :func:`benign.audit.probes.graph.read_graph` or
            :func:`benign.audit.probes.grow.grown`.
        mirage: How probes are made and asked; by its defaults if not given.
        progress: Called as (what, done, total) while work goes on.

    Raises:
        UserError: Nothing is known about any forgotten subject.
    """
    original = load(model) if isinstance(model, (str, Path)) else model
    known = knowledge(data)
    left_out = known.dropped if graph is None else {}
    chosen = graph or known.graph
    if not chosen.targets:
        reasons = "; ".join(f"{count} {reason}" for reason, count in left_out.items()) or "it asks no memory question"
        raise UserError(f"no fact about a subject in the forget set: {reasons}", where="forget", fix="give a graph")
    systems: dict[str, System] = {}
    if retrained is not None:
        systems[RETRAINED] = Served(load(retrained) if isinstance(retrained, (str, Path)) else retrained)
    for given in results:
        made = given if isinstance(given, Candidate) else candidates(original, [given])[0]
        systems[_unused(made.name, systems)] = made.system
    with claimed(Path(out)) as folder:
        cache = folder / "observations"
        first = Served(original)
        found = (mirage or Mirage())(chosen, first, systems, cache=cache, report=progress)
        save_probes(found, folder, whose=about(first, data))
    return Probes(found, left_out, folder)


def _unused(name: str, taken: Mapping[str, System]) -> str:
    count = 2
    fresh = name
    while fresh in taken:
        fresh, count = f"{name} ({count})", count + 1
    return fresh
