"""Modular pairs keep the neighbours at hand where 1:1 pairs never get to them: one seed and a margin; the table is in
docs/methods."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import benign
from benches.experiments.effects.along import trained
from benches.experiments.effects.observed import Groups
from benign.benchmarks.presets_text import embedded
from benign.data.record import Data
from benign.engine.recipe import Optim
from benign.methods.melu import MELU
from benign.models.embedded.text import world
from benign.parts.samplers.paired import Paired, Scheme

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def kept(look: Groups, scheme: Scheme) -> float:
    """The probability of the neighbours' answers where the forget set's has fallen to 0.1."""
    optim = Optim(lr=1e-3, epochs=None, steps=150, schedule="constant")
    plain: Any = replace(embedded("npo"), forget_batch=6, retain_batch=10, retain_weight=30.0, optim=optim)  # type: ignore[type-var]
    method = MELU(plain, Paired(scheme), grouped=scheme == "modular")
    way = trained(look, method, 0, every=6, until=lambda now: now["forget probability"] <= 0.1)
    found = way.at("forget probability", 0.1)
    assert found is not None
    return found["neighbours probability"]


def test_modular_pairs_keep_more_of_the_neighbours_than_one_to_one() -> None:
    whole = world.splits(5)
    near = list(dict.fromkeys(record.subject for record in whole.neighbour))
    some = set(near[::2])
    neighbours = tuple(replace(r, neighbour="entity") for r in whole.neighbour if r.subject in some)
    others = tuple(replace(r, neighbour="domain") for r in whole.few if r.subject not in set(near))
    data = Data(forget=whole.forget, retain=(*others, *neighbours))
    look = Groups(benign.load("embedded:lm"), data, {"forget": whole.forget[::2], "neighbours": neighbours[::3]})
    assert kept(look, "modular") > kept(look, "sequential") + 0.08
