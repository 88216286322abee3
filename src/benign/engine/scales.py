"""How much each record of a stage counts: the terms' weightings, asked once, and written down for the run's folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from benign.data.record import Record
from benign.engine.draw import Drawn, derived_seed, drawn
from benign.engine.evidence import Report, Shown
from benign.engine.recipe import Term, Train
from benign.engine.teacher import shown
from benign.engine.world import world
from benign.errors import UserError
from benign.models.load import Model
from benign.models.shard import together
from benign.parts.targets import Context


@dataclass(frozen=True)
class Scales:
    """Weighs the records of a stage's terms; called with a term and its records."""

    model: Model
    stage: Train
    context: Context
    folder: Path
    """Where what is measured of the records is kept."""
    report: Report
    found: dict[str, dict[str, float]] = field(default_factory=dict)
    """By term, the weights by record id."""

    def __call__(self, term: Term, records: tuple[Record, ...]) -> Sequence[float]:
        """One weight for each record.

        Raises:
            UserError: There are no records, or the weighting leaves none of them or is not finite.
        """
        if term.weighting is None or not records:
            return [1.0] * len(records)
        ids = [record.id for record in records]
        if len(set(ids)) < len(ids):
            raise UserError("records of the same id cannot be weighed apart", where=term.on, fix="give each its own id")
        for other in self.stage.terms:
            known = self.found.get(other.name, {})
            if (other.on, other.weighting) == (term.on, term.weighting) and known.keys() == set(ids):
                # A record counts the same in all terms, also where a weighting asks for the term's own gradients.
                self.found[term.name] = known
                return [known[key] for key in ids]
        items = self._items(term, records)
        evidence = Shown(self.model, self.stage, term, items, self.context, self.folder, self.report)
        if world().size > 1:
            # The original's answers are all processes' work, and what follows is the first one's.
            drawn(evidence.plain, self.context)
        # By the first of several processes, unless they share the layers; the others read what it kept.
        with nullcontext() if together() else world().first():
            weights = [float(w) for w in term.weighting(evidence, seed=derived_seed(self.context.seed, "weighting"))]
        if not all(0 <= weight < float("inf") for weight in weights) or not any(weights):
            raise UserError("the weights are negative, not finite or all zero", where=f"weighting of {term.name}")
        self.found[term.name] = dict(zip(ids, weights, strict=True))
        return weights

    def text(self) -> str:
        """The weights of all terms as JSON."""
        return json.dumps(self.found, indent=1, sort_keys=True) + "\n"

    def _items(self, term: Term, records: tuple[Record, ...]) -> list[Drawn]:
        epochs = [0] * len(records)
        answers = term.target.answers(records, epochs, self.context)
        others: Sequence[str | None] = [None] * len(records)
        if term.against:
            others = term.against.answers(records, epochs, self.context)
        taught = shown(term.teacher, records) if term.teacher else [None] * len(records)
        found = zip(records, answers, others, taught, strict=True)
        text_only = term.view == "text_only"
        return [Drawn(record, answer, text_only, other, shown=view) for record, answer, other, view in found]


def joined(stages: Mapping[str, str]) -> str:
    """The texts of several stages as one JSON object by stage."""
    return json.dumps({name: json.loads(text) for name, text in stages.items()}, indent=1, sort_keys=True) + "\n"
