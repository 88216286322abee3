"""A linear probe: is the forgotten answer still readable inside, whatever the model says?

Sources: Alain and Bengio 2017 (arXiv 1610.01644); Lynch et al. 2024 (arXiv 2402.16835) probe unlearned models. The
classifier is scikit-learn's ridge regression on standardised states.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from benign.audit.attacks import Cost, Found, Ground
from benign.audit.attacks.hidden import states
from benign.audit.attacks.questions import MOST, known_facts
from benign.audit.metrics.bootstrap import mean_score
from benign.audit.observation import AS_IS, Observation, Observations
from benign.audit.plan import asked_question, spread
from benign.data.record import Record
from benign.errors import NotMeasured

States = NDArray[np.float32]


@dataclass(frozen=True)
class Probe:
    """Read the state before the answer with a linear probe that learned from other subjects; no word is generated."""

    cost: ClassVar[Cost] = "standard"
    layer: int = -1
    """The decoder layer that is read; negative counts from the end."""
    folds: int = 5
    """Parts of the subjects that are held out in turn."""
    ridge: float = 100.0
    """Strength of the classifier's penalty."""
    most: int | None = MOST
    """Forgotten questions at most."""
    others: int | None = 1000
    """Kept subjects' questions to learn from, at most."""

    def __call__(self, ground: Ground) -> Found:
        """The share of forgotten answers that are read, of those that another subject has too; chance is one over the
        number of possible answers, and the retrained model shows it. The evidence shows what was read."""
        if find_spec("sklearn") is None:
            return Found(NotMeasured("scikit-learn is not installed: pip install 'benign[probe]'"))
        forget = spread(_questions(ground.data.forget), self.most)
        records = (*forget, *spread(_questions(ground.data.retain), self.others))
        if not forget or len({record.subject for record in records}) < 2:
            return Found(NotMeasured("a probe needs memory questions about two subjects at least"))
        found = states(ground.served, records, self.layer, lambda done, total: ground.report("probe", done, total))
        read = decoded(found, records, len(forget), folds=self.folds, ridge=self.ridge)
        if not read:
            return Found(NotMeasured("no forgotten answer is another subject's too: nothing to learn to read"))
        evidence = Observations(tuple(_seen(records[place], answer) for place, answer in read.items()))
        return Found(mean_score(evidence, lambda o: float(o.text == o.gold)), evidence)


def decoded(
    found: States, records: Sequence[Record], asked: int, *, folds: int = 5, ridge: float = 100.0
) -> Mapping[int, str]:
    """What is read in the states of the first ``asked`` records, by their places; those whose answer no subject outside
    their fold shares are left out.

    Args:
        found: [records, H] hidden states.
        records: Whose states they are.
        asked: How many of them are to be read; the rest is only learned from.
        folds: Parts of the subjects.
        ridge: Strength of the penalty.
    """
    from sklearn.linear_model import RidgeClassifier
    from sklearn.model_selection import GroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    golds = np.array([record.gold for record in records])
    subjects = np.array([record.subject for record in records])
    read: dict[int, str] = {}
    for train, test in GroupKFold(min(folds, len(set(subjects)))).split(found, golds, subjects):
        places = [int(place) for place in test if place < asked and records[place].gold in set(golds[train])]
        classes = sorted(set(golds[train]))
        if not places or len(classes) < 2:
            continue
        probe = make_pipeline(StandardScaler(), RidgeClassifier(alpha=ridge)).fit(found[train], golds[train])
        values = probe.decision_function(found[places])
        # Two classes have one column, the second's.
        values = np.stack([-values, values], axis=1) if values.ndim == 1 else values
        for place, row in zip(places, values, strict=True):
            value = dict(zip(classes, row, strict=True))
            read[place] = max(_candidates(records[place], records, value), key=value.__getitem__)
    return dict(sorted(read.items()))


def _questions(records: Sequence[Record]) -> list[Record]:
    return [record for record in known_facts(records) if asked_question(record)]


def _candidates(record: Record, records: Sequence[Record], known: Mapping[str, float]) -> list[str]:
    """The record's own choices; without any, all answers to the same question; without another one, all answers."""
    alike = {other.gold for other in records if asked_question(other) == asked_question(record)}
    for wanted in (record.options, alike, known):
        found = sorted(set(wanted) & set(known))
        if record.gold in found and len(found) > 1:
            return found
    return sorted(known)


def _seen(record: Record, answer: str) -> Observation:
    return Observation(
        record=record.id,
        split="forget",
        subject=record.subject,
        kind=record.kind,
        route="image" if record.images else "text",
        view=AS_IS,
        question=asked_question(record),
        gold=record.gold,
        text=answer,
        logp=(),
    )
