"""What the papers claim of GU and K-FADE, on the embedded text model, where equally much is forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import pytest

import benign
from benches.experiments.effects.along import Way, trained
from benches.experiments.effects.observed import Drift
from benign.benchmarks.presets_text import LOCUS, embedded
from benign.engine.compose import compose
from benign.engine.recipe import Method, Optim
from benign.methods.grad_ascent import GradAscent
from benign.methods.grad_diff import GradDiff
from benign.models.delta import applied
from benign.models.embedded.text import world
from benign.parts.loci.linear import LinearWeights
from benign.parts.updates.gu import GeometricDisentanglement

OPTIM = Optim(lr=1e-3, epochs=None, steps=24, schedule="constant", betas=(0.0, 0.999))
SUM = GradDiff(forget_batch=8, retain_batch=8, optim=OPTIM, locus=LOCUS)


@pytest.fixture(scope="module")
def drift() -> Drift:
    data = world.splits(1)
    return Drift(benign.load("embedded:lm"), replace(data, few=data.few[:40]), few=30)


def passed(column: str, goal: float, now: Mapping[str, float]) -> bool:
    return now[column] < goal if column == "forget" else now[column] > goal


def until(drift: Drift, method: Method, column: str, goal: float, every: int = 2) -> tuple[dict[str, float], Way]:
    """What is left where the goal is reached."""
    way = trained(drift, method, 0, every=every, until=partial(passed, column, goal))
    found = way.at(column, goal, rising=column != "forget")
    assert found is not None, way.seen[-1]
    return found, way


def test_gu_keeps_more_than_the_weighted_sum(drift: Drift) -> None:
    plain, _ = until(drift, SUM, "forget", 0.1)
    apart, _ = until(drift, compose(SUM, update=GeometricDisentanglement()), "forget", 0.1)
    assert apart["retain_kl"] < 0.8 * plain["retain_kl"]


def test_kfade_changes_less_than_ascent_and_its_change_works_on_the_model_again(drift: Drift) -> None:
    ascent = GradAscent(forget_batch=20, optim=replace(OPTIM, lr=0.15, optimizer="sgd"), locus=LinearWeights())
    plain, _ = until(drift, ascent, "forget_loss", 1.5)
    solved, way = until(drift, embedded("kfade"), "forget_loss", 1.5, every=1)
    assert solved["retain_kl"] < 0.5 * plain["retain_kl"]
    assert way.delta is not None
    assert drift()["forget"] > 0.95, "the model is as it was"
    with applied(drift.model, way.delta):
        assert drift()["forget_loss"] > 1.5
