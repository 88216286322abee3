"""Edits with any locus: what was trained and chosen is edited, what was not stays as it is."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import torch
from torch import Tensor

from benign.data.record import Data
from benign.engine.importance import Importances
from benign.engine.recipe import Optim, Recipe, Sculpt, Train
from benign.engine.unlearn import unlearn
from benign.methods import _terms
from benign.methods.manu import MANU
from benign.methods.model_tailor import ModelTailor
from benign.methods.smfa import SMFA
from benign.methods.task_arithmetic import TaskArithmetic
from benign.methods.ties import TIES
from benign.models.change import Delta, parameters
from benign.models.delta import load_delta
from benign.models.load import Model, load
from benign.parts.edits.task_arithmetic import TaskArithmetic as Sum
from benign.parts.loci import Locus
from tests import toys
from tests.conformance.test_loci import data as with_pictures
from tests.engine.test_grid import LOCI, SEEING
from tests.models import tiny

OPTIM = Optim(lr=1e-2, epochs=None, steps=2, schedule="constant")
EDITED: dict[str, Any] = {
    "ties": lambda locus: TIES(density=0.5, optim=OPTIM, locus=locus),
    "task_arithmetic": lambda locus: TaskArithmetic(optim=OPTIM, locus=locus),
    "model_tailor": lambda locus: ModelTailor(share=0.3, optim=OPTIM, locus=locus),
    "smfa": lambda locus: SMFA(optim=OPTIM, anchor=OPTIM, locus=locus),
}


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)


@cache
def model(name: str) -> Model:
    with TemporaryDirectory() as folder:
        place = Path(folder) / "model"
        return load(str(toys.text_model(place) if name == "toy" else tiny.build(name, place)))


def result(found: Model, data: Data, method: Any, folder: Path) -> Delta:
    done = unlearn(found, data, method=method, out=folder)
    assert done.adapter is not None
    return load_delta(done.adapter, found)


def allowed(found: Model, data: Data, locus: Locus, folder: Path) -> dict[str, Tensor]:
    """What may move of the parameters of which only a part does."""
    if locus.adapter:
        return {}
    own = parameters(found.module)
    moving = {name: own[name].requires_grad_(True) for name in locus.names(found.module, found.family)}
    store = Importances(found, data, folder, lambda *_: None)
    try:
        masks = locus.masks(found.module, found.family, lambda what, side: store(what, side, moving))
    finally:
        found.module.requires_grad_(True)
    return dict(masks)


@pytest.mark.parametrize("locus", LOCI)
@pytest.mark.parametrize("edit", EDITED)
def test_an_edit_stays_within_its_locus(edit: str, locus: str, tmp_path: Path) -> None:
    found, data, place = model("toy"), toys.data(), LOCI[locus]
    before = {name: p.detach().clone() for name, p in parameters(found.module).items()}
    delta = result(found, data, EDITED[edit](place), tmp_path / "out")
    names = place.names(found.module, found.family)
    assert set(delta.tensors) == ({f"{name}.weight" for name in names} if place.adapter else set(names))
    assert any(bool(delta.dense(name).any()) for name in delta.tensors)
    assert all(bool(delta.dense(name).isfinite().all()) for name in delta.tensors)
    for name, mask in allowed(found, data, place, tmp_path / "statistics").items():
        assert not delta.dense(name)[~mask].any(), "what may not move did"
    assert all(torch.equal(before[name], p) for name, p in parameters(found.module).items())


@dataclass(frozen=True)
class Both:
    """A trained change and MANU's pruning, added up."""

    manu: MANU
    locus: Locus

    def recipe(self) -> Recipe:
        trained = Train("trained", (_terms.refuse((), 2), _terms.retain(2)), OPTIM, self.locus)
        *statistics, pruned = self.manu.recipe().stages
        added = Sculpt("both", Sum((1.0, 1.0)), ("trained", pruned.name))
        return Recipe((trained, *statistics, pruned, added))


@dataclass(frozen=True)
class Alone:
    """The same training without the pruning."""

    locus: Locus

    def recipe(self) -> Recipe:
        return Recipe(Both(MANU(), self.locus).recipe().stages[:1])


@pytest.mark.parametrize("stacks", [(True, True), (True, False), (False, True)], ids=["both", "decoder", "tower"])
@pytest.mark.parametrize("locus", SEEING)
def test_pruning_goes_with_training_of_any_locus(locus: str, stacks: tuple[bool, bool], tmp_path: Path) -> None:
    found, data = model("llava"), with_pictures("llava")
    data = Data(forget=data.forget, few=data.few)
    manu = MANU(share=0.2, layers=1, language=stacks[0], vision=stacks[1])
    pruned = result(found, data, manu, tmp_path / "pruned")
    trained = result(found, data, Alone(SEEING[locus]), tmp_path / "trained")
    both = result(found, data, Both(manu, SEEING[locus]), tmp_path / "both")
    assert set(both.tensors) == set(pruned.tensors) | set(trained.tensors)
    assert len(pruned.tensors) == sum(stacks)
    for name in both.tensors:
        parts = [delta.dense(name) for delta in (trained, pruned) if name in delta.tensors]
        torch.testing.assert_close(both.dense(name), torch.stack(parts).sum(0), rtol=1e-5, atol=1e-7)
