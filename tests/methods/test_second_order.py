"""K-FADE and OFMU as methods: their settings reach the parts, and K-FADE runs from end to end."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benign.engine.recipe import Measure, Train
from benign.engine.unlearn import unlearn
from benign.errors import UserError
from benign.methods.kfade import KFADE
from benign.methods.npo import NPO
from benign.methods.ofmu import OFMU
from benign.models.delta import load_delta
from benign.models.load import Model, load
from benign.parts.loci.linear import LinearWeights
from benign.parts.statistics.kronecker import Kronecker
from benign.parts.updates.gauss_newton import GaussNewton
from benign.parts.updates.ofmu import PenaltyBilevel
from tests import toys


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(str(toys.text_model(tmp_path_factory.mktemp("model"))))


def test_the_settings_reach_the_parts() -> None:
    measure, stage = KFADE(3, 0.5, 0.2, corrected=False, of="likelihood", modules=".*up_proj").recipe().stages
    assert isinstance(measure, Measure) and isinstance(stage, Train)
    assert measure.statistic == Kronecker(".*up_proj", "likelihood", corrected=False)
    assert (measure.on, stage.curvature) == ("keep", measure.name)
    assert (stage.update, stage.locus) == (GaussNewton(0.2, 0.5), LinearWeights(".*up_proj"))
    assert (stage.optim.steps, stage.optim.optimizer, stage.optim.lr) == (3, "sgd", 1.0)
    (stage,) = OFMU(2, 0.1, 0.2, 0.3, 0.4, 1.5, "squared", False, "difference").recipe().stages
    assert isinstance(stage, Train)
    assert stage.update == PenaltyBilevel(2, 0.1, 0.2, 0.3, 0.4, 1.5, "squared", False, "difference")


def test_kfade_runs_and_its_steps_are_as_long_as_the_budget_says(model: Model, tmp_path: Path) -> None:
    changes = {}
    for budget in (1e-6, 4e-6):
        method = KFADE(steps=1, budget=budget, forget_batch=2)
        out = tmp_path / str(budget)
        unlearn(model, toys.data(), method=method, out=out, cache=tmp_path / "cache")
        delta = load_delta(out / "adapter", model)
        assert set(delta.tensors) == {f"{n}.weight" for n in Kronecker().modules(model.module, model.family)}
        changes[budget] = torch.cat([delta.dense(name).flatten() for name in sorted(delta.tensors)])
        kept = json.loads((out / "recipe.json").read_text(encoding="utf-8"))
        assert kept["stages"][1]["curvature"] == "curvature"
    torch.testing.assert_close(changes[4e-6], 2 * changes[1e-6], rtol=1e-2, atol=1e-7)


def test_another_curvature_is_another_stage_in_the_cache(model: Model, tmp_path: Path) -> None:
    found = []
    for damping, corrected in ((0.1, True), (0.1, False)):
        method = KFADE(steps=1, damping=damping, corrected=corrected, forget_batch=2)
        out = tmp_path / str(corrected)
        unlearn(model, toys.data(), method=method, out=out, cache=tmp_path / "cache")
        found.append(load_delta(out / "adapter", model).digest)
    assert found[0] != found[1]


def test_a_curvature_that_no_stage_measures_is_named(model: Model, tmp_path: Path) -> None:
    class Wrong:
        def recipe(self):  # type: ignore[no-untyped-def]
            made = KFADE(steps=1, forget_batch=2).recipe()
            return replace(made, stages=(replace(made.stages[1], curvature="hessian"),))

    with pytest.raises(UserError, match="no earlier stage 'hessian' measures a curvature"):
        unlearn(model, toys.data(), method=Wrong(), out=tmp_path / "out")
    lonely = replace(NPO(), update=GaussNewton())
    with pytest.raises(UserError, match="nothing that moves has a measured curvature"):
        unlearn(model, toys.data(), method=lonely, out=tmp_path / "npo")
