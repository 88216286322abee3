"""GUARD keeps more where equally much is forgotten, on a model that has not fitted its data to the last: one seed and a
margin; the table is in docs/methods."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from benches.experiments.effects.along import trained
from benches.experiments.effects.observed import Groups
from benches.experiments.effects.taught import taught
from benign.benchmarks.presets_text import embedded
from benign.engine.recipe import Method, Optim
from benign.methods.guard import GUARD
from benign.models.embedded.text import world

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def kept(look: Groups, method: Method) -> float:
    """The probability of retained answers where half of the forget set's is gone."""
    goal = 0.5 * look(None, False)["forget probability"]
    found = trained(look, method, 0, every=3, until=lambda now: now["forget probability"] <= goal).at(
        "forget probability", goal
    )
    assert found is not None
    return found["retain probability"]


def test_weights_that_fall_with_alignment_keep_more_at_equal_forgetting() -> None:
    data = world.splits(5)
    seen = {record.id for record in data.few}
    retained = [record for record in data.retain if record.id not in seen]
    look = Groups(taught(), data, {"forget": data.forget[::2], "retain": retained[::37]})
    optim = Optim(lr=1e-3, epochs=None, steps=120, schedule="constant")
    plain: Any = replace(embedded("grad_diff"), forget_batch=6, retain_batch=10, optim=optim)  # type: ignore[type-var]
    assert kept(look, GUARD(plain)) > kept(look, plain) + 0.03
