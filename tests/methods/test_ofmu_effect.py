"""What OFMU does on the embedded text model where equally much is forgotten: one seed and a margin; the
table is in docs/methods."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import benign
from benches.experiments.effects.along import trained
from benches.experiments.effects.observed import Drift
from benign.benchmarks.presets_text import embedded
from benign.engine.recipe import Method
from benign.methods.npo import NPO
from benign.models.embedded.text import world
from benign.parts.updates.ofmu import PenaltyBilevel

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def drift() -> Drift:
    return Drift(benign.load("embedded:lm"), world.splits(1), few=58)


def left(drift: Drift, method: Method, goal: float = 0.1) -> dict[str, float]:
    """What is left where the forget answers' probability has come down to the goal."""
    way = trained(drift, method, 0, until=lambda now: now["forget"] < goal)
    found = way.at("forget", goal)
    assert found is not None, way.seen[-1]
    return found


def test_ofmu_keeps_more_than_npo_of_even_weights_in_more_seconds(drift: Drift) -> None:
    tuned: Any = embedded("ofmu")
    assert isinstance(tuned.recipe().stages[0].update, PenaltyBilevel)
    plain = NPO(forget_batch=tuned.forget_batch, retain_batch=tuned.retain_batch, locus=tuned.locus,
                optim=replace(tuned.optim, lr=2e-3))  # fmt: skip
    assert left(drift, tuned)["retain_kl"] < 0.5 * left(drift, plain)["retain_kl"]
