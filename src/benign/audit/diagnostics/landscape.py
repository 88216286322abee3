"""Features of a loss landscape around a record, and how well a classifier tells kinds of records by them.

Source: REMIND (arXiv 2511.04228). The paper's text and the files of its code give the fifteen names; the formulas of
the gradient, volatility and curvature features could not be read, and are the natural ones, said below.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from benign.audit.diagnostics.learners import learners
from benign.audit.metrics.bootstrap import Floats, Sample, statistic_score
from benign.audit.metrics.roc import auc
from benign.audit.score import Score
from benign.errors import NotMeasured

FEATURES = (
    "original_loss", "mean_neighbor_loss", "max_neighbor_loss", "min_neighbor_loss", "loss_variance", "loss_std",
    "increment_variance", "mean_gradient", "max_gradient", "gradient_variance", "loss_volatility", "local_curvature",
    "mean_loss_increment", "max_loss_increment", "min_loss_increment",
)  # fmt: skip
"""Their names in the official code."""
_NEAREST = 1e-9  # tokens that were never trained can have one embedding
Classifier = Literal["logistic", "forest"]


def features(loss: float, neighbours: Floats, distances: Floats) -> Floats:
    """[15] the features of one record, in the order of :data:`FEATURES`.

    With increment i = loss of neighbour i - loss: a gradient is |increment| / distance, the volatility is the standard
    deviation of the steps from one neighbour to the next nearest, and the curvature is the mean increment over half
    the mean squared distance (for a loss that is quadratic with second derivative a along every way, it is a).

    Args:
        loss: Of the record itself, nats per token.
        neighbours: [n] of its neighbours.
        distances: [n] of the neighbours from the record, in embedding space.
    """
    increments = neighbours - loss
    gradients = np.abs(increments) / np.maximum(distances, _NEAREST)
    steps = np.diff(neighbours[np.argsort(distances, kind="stable")])
    curvature = increments.mean() / max(0.5 * float(np.square(distances).mean()), _NEAREST)
    return np.array([
        loss, neighbours.mean(), neighbours.max(), neighbours.min(), neighbours.var(), neighbours.std(),
        increments.var(), gradients.mean(), gradients.max(), gradients.var(), steps.std() if len(steps) else 0.0,
        curvature, increments.mean(), increments.max(), increments.min(),
    ])  # fmt: skip


def told_apart(
    rows: Floats, kinds: Sequence[int], clusters: Sequence[str], *, classifier: Classifier, folds: int, seed: int
) -> Score | NotMeasured:
    """AUC of telling each kind from the others, averaged over the kinds, by a classifier that never saw the subject.

    Range 0 to 1; 0.5 is chance. The features are standardised on the training part alone; the official code does so
    on all, and splits records and not subjects.

    Args:
        rows: [records, features].
        kinds: Per record, the number of its kind.
        clusters: Whose record it is.
        classifier: Logistic regression or a random forest, with the official settings.
        folds: How many classifiers are trained, each without its share of the subjects.
        seed: Of the split and the forest.
    """
    y = np.array(kinds)
    names = sorted(set(kinds))
    least = min((len({c for c, k in zip(clusters, kinds, strict=True) if k == kind}) for kind in names), default=0)
    if len(names) < 2 or least < 2:
        return NotMeasured("a classifier needs two kinds of records with two subjects each")
    if not np.isfinite(rows).all():
        return NotMeasured("some losses are not finite numbers")
    probabilities = np.zeros((len(y), len(names)))
    splitter = learners("model_selection").StratifiedGroupKFold(min(folds, least), shuffle=True, random_state=seed)
    for train, test in splitter.split(rows, y, clusters):
        scale = learners("preprocessing").StandardScaler().fit(rows[train])
        made = _learner(classifier, seed).fit(scale.transform(rows[train]), y[train])
        places = [names.index(kind) for kind in made.classes_]
        probabilities[np.ix_(test, places)] = made.predict_proba(scale.transform(rows[test]))
    samples = [
        Sample(probabilities[y == kind], tuple(c for c, k in zip(clusters, kinds, strict=True) if k == kind))
        for kind in names
    ]
    return statistic_score(one_against_rest, samples)


def one_against_rest(groups: Sequence[Floats]) -> float:
    """The mean over the kinds of the AUC by the probability of that kind; a group holds the records of one kind."""
    found = []
    for kind, group in enumerate(groups):
        rest = np.concatenate([other[:, kind] for place, other in enumerate(groups) if place != kind])
        found.append(auc(-group[:, kind], -rest))
    return float(np.mean(found))


def _learner(classifier: Classifier, seed: int) -> Any:
    if classifier == "logistic":
        return learners("linear_model").LogisticRegression(max_iter=300)
    return learners("ensemble").RandomForestClassifier(100, random_state=seed)
