"""REMIND: features of landscapes known in closed form, honest neighbours, and a classifier that cannot cheat."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from audit.inner import data, served, silent
from benign.audit.diagnostics.landscape import FEATURES, features, one_against_rest, told_apart
from benign.audit.diagnostics.remind import Remind, around, landscapes, nearest, neighbour
from benign.audit.score import Score
from benign.data.record import Data
from benign.errors import NotMeasured

DISTANCES = np.array([1.0, 2.0, 1.0, 2.0])


def named(loss: float, neighbours: np.ndarray, distances: np.ndarray = DISTANCES) -> dict[str, float]:
    return dict(zip(FEATURES, features(loss, neighbours, distances), strict=True))


def test_a_flat_landscape_has_no_features_but_its_height() -> None:
    found = named(3.0, np.full(4, 3.0))
    heights = {"original_loss", "mean_neighbor_loss", "max_neighbor_loss", "min_neighbor_loss"}
    assert all(found[name] == 3.0 for name in heights)
    assert all(value == 0 for name, value in found.items() if name not in heights)


def test_a_slope() -> None:
    """Loss linear with slope 0.5 and neighbours on both sides: gradients of 0.5 everywhere, no curvature."""
    found = named(1.0, 1.0 + 0.5 * DISTANCES * np.array([1, 1, -1, -1]))
    assert (found["mean_gradient"], found["max_gradient"], found["gradient_variance"]) == pytest.approx((0.5, 0.5, 0))
    assert found["local_curvature"] == pytest.approx(0)
    assert (found["max_loss_increment"], found["min_loss_increment"]) == (1.0, -1.0)
    assert found["loss_variance"] == pytest.approx((0.25 + 1 + 0.25 + 1) / 4)
    # From the nearest on: 1.5, 0.5, 2.0, 0.0, in steps of -1, 1.5 and -2.
    assert found["loss_volatility"] == pytest.approx(np.std([-1, 1.5, -2]))


def test_a_bowl() -> None:
    """L0 + a d^2 / 2 has the curvature a."""
    found = named(1.0, 1.0 + 0.5 * 0.7 * DISTANCES**2)
    assert found["local_curvature"] == pytest.approx(0.7)
    assert found["mean_loss_increment"] == pytest.approx(0.35 * 2.5)


def landscape_world(sharpness: tuple[float, ...], seed: int = 0) -> tuple[np.ndarray, list[int], list[str]]:
    """Kinds whose bowls differ in sharpness alone, ten subjects with three records each."""
    generator = np.random.default_rng(seed)
    rows, kinds, clusters = [], [], []
    for kind, sharp in enumerate(sharpness):
        for i in range(30):
            distances = generator.uniform(0.5, 1.5, 15)
            loss = generator.normal(2, 0.5)
            rows.append(features(loss, loss + sharp * distances**2, distances))
            kinds.append(kind)
            clusters.append(f"{kind}-{i // 3}")
    return np.stack(rows), kinds, clusters


@pytest.mark.parametrize("classifier", ["logistic", "forest"])
def test_sharpness_tells_kinds_apart_and_its_absence_does_not(classifier: str) -> None:
    settings = {"classifier": classifier, "folds": 5, "seed": 0}
    apart = told_apart(*landscape_world((0.1, 1.0, 3.0)), **settings)
    alike = told_apart(*landscape_world((1.0, 1.0, 1.0)), **settings)
    assert isinstance(apart, Score) and apart.value > 0.99 and apart.n == 90
    assert isinstance(alike, Score) and abs(alike.value - 0.5) < 0.15


def test_a_subjects_own_mark_is_of_no_use() -> None:
    """Every subject has a feature value of its own that says nothing about its kind: splitting records would leak."""
    rows, kinds, clusters = landscape_world((1.0, 1.0))
    values = {c: np.random.default_rng(i).normal() for i, c in enumerate(sorted(set(clusters)))}
    rows = np.array([[values[c]] * 15 for c in clusters])
    found = told_apart(rows, kinds, clusters, classifier="forest", folds=5, seed=0)
    assert isinstance(found, Score) and found.value < 0.75


def test_the_auc_is_scikit_learns() -> None:
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet((1, 1, 1), 60)
    kinds = generator.integers(0, 3, 60)
    found = one_against_rest([probabilities[kinds == k] for k in range(3)])
    assert found == pytest.approx(roc_auc_score(kinds, probabilities, multi_class="ovr"), abs=1e-12)


def test_neighbours_are_near_and_few_and_the_same_again(tmp_path: Path) -> None:
    one = served(tmp_path, 0)
    record = data().forget[0]
    base, places = around(one.model, record, "question")
    words = one.model.processor.tokenizer.decode(base.inputs["input_ids"][0, places])
    assert "where does ann live ?" in words and "rome" not in words
    assert torch.equal(torch.nonzero(base.labels[0] != -100).squeeze(-1), places)
    table = one.model.module.get_input_embeddings().weight.detach()
    near = nearest(table, [base.inputs["input_ids"][0]], 4)
    for seed in range(5):
        found, away = neighbour(base, places, table, near, 0.3, seed)
        again, _ = neighbour(base, places, table, near, 0.3, seed)
        old, new = base.inputs["input_ids"][0], found.inputs["input_ids"][0]
        assert torch.equal(new, again.inputs["input_ids"][0])
        changed = torch.nonzero(old != new).squeeze(-1)
        assert len(changed) == round(0.3 * len(places)) and set(changed.tolist()) <= set(places.tolist())
        for place in changed:
            gaps = (table - table[old[place]]).norm(dim=1)
            assert int((gaps < gaps[new[place]]).sum()) <= 4, "one of the four nearest, itself apart"
        assert away == pytest.approx(float((table[new] - table[old]).norm()), rel=1e-4)
        assert torch.equal(found.labels[0, places], new[places])
    asked, _ = around(one.model, record, "answer")
    assert neighbour(asked, places, table, near, 0.3, 0)[0].labels.tolist() == asked.labels.tolist()


def test_the_losses_are_those_of_served(tmp_path: Path) -> None:
    one = served(tmp_path, 0)
    records = data().forget[:2]
    table = one.model.module.get_input_embeddings().weight.detach()
    rows = landscapes(Remind(loss_on="answer", neighbours=3), one, table, records, silent)
    expected = [-sum(s.logp) / len(s.logp) for s in one.score(records, [r.answer for r in records])]
    assert rows[:, 0] == pytest.approx(expected, rel=1e-5)
    assert (rows[:, FEATURES.index("loss_variance")] > 0).all()


def test_reasons(tmp_path: Path) -> None:
    one = served(tmp_path, 0)
    assert isinstance(Remind()(one, one, None, Data(forget=data().forget), silent).score, NotMeasured)
    kinds = ("forget", "retain", "holdout")
    found = Remind(kinds, neighbours=2)(one, one, None, data(), silent).score
    assert found == NotMeasured("a classifier needs two kinds of records with two subjects each")
