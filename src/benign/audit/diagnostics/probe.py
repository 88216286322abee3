"""Linear probes: is the answer still in the states before it, even where the model no longer says it?

Sources: Alain and Bengio 2016 (arXiv 1610.01644) for probes; Hewitt and Liang 2019 (arXiv 1909.03368) for why a probe
has to be held against what it can find where there is nothing: here chance, and the retrained model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.func import functional_call

from benign.audit.diagnostics import Curve, Diagnosis
from benign.audit.diagnostics.depth import unfit
from benign.audit.diagnostics.learners import learners
from benign.audit.diagnostics.telling import Told, cluster, parts
from benign.audit.metrics.bootstrap import Floats, interval
from benign.audit.plan import spread
from benign.audit.score import Score
from benign.data.record import Data, Record, of_kind
from benign.engine.serve import Served
from benign.engine.train import Report
from benign.errors import NotMeasured
from benign.models.load import Model
from benign.models.shard import whole


@dataclass(frozen=True)
class Probe:
    """From the state where an answer's first telling token is due, a ridge regression guesses the answer's embedding;
    right is whoever is nearer to the right answer than to every wrong one that the record brings.

    Trained on other subjects than it is tested on, so it cannot know a person by the question: it has to read what
    the model wrote there. The layer is the one where the original's answers are read best, so that the unlearned
    model's number is no maximum over layers. The score is the share of forgotten answers read from the unlearned
    model; range 0 to 1, lower is better, and the mean of 1 / (answers to choose from) is chance. A retrained model
    can be above chance: some answers follow from the question.
    """

    most: int | None = 400
    """At most so many forgotten records; None takes all."""
    helpers: int | None = 400
    """At most so many records of the retain set that every probe is trained on too."""
    folds: int = 5
    """The forgotten subjects are left out in so many parts."""
    ridge: float = 10.0
    """Weight of the squared norm, on standardised states."""

    def __call__(
        self, unlearned: Served, original: Served, retrained: Served | None, records: Data, report: Report
    ) -> Diagnosis:
        """Train and test a probe per model and layer; needs wrong answers, at least two forgotten subjects.

        Raises:
            UserError: scikit-learn is not installed.
        """
        asked = spread([r for r in of_kind(records.forget, "memory") if comparable(r)], self.most)
        if len({cluster(record) for record in asked}) < 2:
            return Diagnosis(NotMeasured("no wrong answers to choose from for two subjects of the forget set"))
        helpers = spread([r for r in of_kind(records.retain, "memory") if comparable(r)], self.helpers)
        told = Told.of(original, (*asked, *helpers), None)
        named = {"original": original, "unlearned": unlearned} | ({"retrained": retrained} if retrained else {})
        reason = unfit(told, tuple(named.values()), original)
        if reason is not None:
            return Diagnosis(reason)
        tested = {record.id for record in asked}
        choices = [embedded(original.model, record) for record in told.records]
        groups = [cluster(r) if r.id in tested else "" for r in told.records]
        read: dict[str, Floats] = {}
        for number, (name, served) in enumerate(named.items(), 1):
            states = told.states(served)[:, told.first].double().numpy()
            if not np.isfinite(states).all():
                return Diagnosis(NotMeasured(f"states of the {name} model are not finite numbers"))
            read[name] = np.stack([decoded(s, choices, groups, folds=self.folds, ridge=self.ridge) for s in states])
            report("probe every layer", number, len(named))
        clusters = [group for group in groups if group]
        chance = float(np.mean([1 / len(c) for c, group in zip(choices, groups, strict=True) if group]))
        return _judged(read, clusters, chance)


def comparable(record: Record) -> bool:
    """Whether the record brings a wrong answer."""
    return any(answer != record.gold for answer in (*record.perturbed, *record.options))


def embedded(model: Model, record: Record) -> Floats:
    """[answers, H] the mean input embedding of what tells each answer from the others, the right one first."""
    with torch.no_grad():
        table = model.module.get_input_embeddings()
        weights = {name: whole(weight) for name, weight in table.named_parameters()}
        asked = [torch.tensor(ids, device=model.module.device) for ids in parts(model, record)]
        means = [functional_call(table, weights, (ids,)).float().mean(0) for ids in asked]
    found: Floats = torch.stack(means).double().cpu().numpy()
    return found


def decoded(
    states: Floats, choices: Sequence[Floats], groups: Sequence[str], *, folds: int = 5, ridge: float = 10.0
) -> Floats:
    """[tested] 1 where the right answer is guessed and 0 where not, for the items with a group, in their order.

    Args:
        states: [items, H].
        choices: Per item, [answers, E] what could be answered, the right one first.
        groups: Whose item it is: its probe is trained without that group. Empty for items only trained on.
        folds: How many probes are trained, each without its share of the groups.
        ridge: Weight of the squared norm.

    Raises:
        ValueError: There are fewer than two groups.
    """
    right = np.stack([answers[0] for answers in choices])
    tested = np.array([i for i, group in enumerate(groups) if group])
    helpers = np.array([i for i, group in enumerate(groups) if not group], dtype=int)
    names = [groups[i] for i in tested]
    if len(set(names)) < 2:
        raise ValueError("a probe needs two groups: one to be trained on and one to be tested on")
    splitter = learners("model_selection").GroupKFold(min(folds, len(set(names))))
    hit = np.zeros(len(tested))
    for train, test in splitter.split(tested, groups=names):
        known = np.concatenate([tested[train], helpers])
        scale = learners("preprocessing").StandardScaler().fit(states[known])
        probe = learners("linear_model").Ridge(alpha=ridge).fit(scale.transform(states[known]), right[known])
        middle = right[known].mean(axis=0)
        guesses = probe.predict(scale.transform(states[tested[test]])) - middle
        for place, guess in zip(test, guesses, strict=True):
            answers = choices[tested[place]] - middle
            nearness = answers @ guess / np.maximum(np.linalg.norm(answers, axis=1), 1e-12)
            hit[place] = nearness[0] > nearness[1:].max()
    return hit


def _judged(read: dict[str, Floats], clusters: Sequence[str], chance: float) -> Diagnosis:
    curves: dict[str, Curve] = {name: tuple(float(v) for v in hits.mean(axis=1)) for name, hits in read.items()}
    curves["chance"] = (chance,) * len(read["original"])
    best = int(read["original"].mean(axis=1).argmax())
    known = interval(read["original"][best].tolist(), clusters)
    if isinstance(known, Score) and known.low <= chance:
        return Diagnosis(NotMeasured("no layer of the original tells the answers from chance"), curves)
    return Diagnosis(interval(read["unlearned"][best].tolist(), clusters), curves)
