"""Benign: refusals, and everything else held where the original has it; what the data lack is left out."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from benign.data.record import Data
from benign.engine.recipe import Optim, Recipe, Train
from benign.engine.result import Result
from benign.engine.unlearn import unlearn
from benign.errors import UserError
from benign.methods.benign import Benign
from benign.models.delta import load_delta
from benign.models.load import Model, load
from benign.parts.loci.lora import Lora
from benign.parts.objectives.kl import KLToReference
from benign.parts.targets.gold import Gold
from benign.parts.targets.look_alikes import LookAlikes
from benign.parts.targets.self_answers import SelfAnswers
from tests import toys

OPTIM = Optim(lr=3e-2, epochs=None, steps=30, schedule="constant")
LOCUS = Lora(rank=4, dropout=0.0)
METHOD = Benign(refusals=("I do not know .",), forget_batch=2, retain_batch=4, jitter=0, optim=OPTIM, locus=LOCUS)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(str(toys.text_model(tmp_path_factory.mktemp("model"))))


def log(result: Result) -> list[dict[str, float]]:
    return [json.loads(line) for line in (result.folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]


def test_what_it_is_made_of() -> None:
    (stage,) = (
        replace(METHOD, self_batch=3, strangers_batch=5, look_alikes_batch=6, keep_weight=2.0, jitter=7).recipe().stages
    )
    assert isinstance(stage, Train)
    assert [(t.name, t.on, t.batch, t.weight, t.jitter, t.optional) for t in stage.terms] == [
        ("forget", "forget", 2, 1.0, 7, False),
        ("retain", "keep", 4, 2.0, 7, False),
        ("self", "forget", 3, 2.0, 7, True),
        ("strangers", "strangers", 5, 2.0, 7, True),
        ("look_alikes", "forget", 6, 2.0, 7, True),
    ]
    assert all(term.objective == KLToReference() for term in stage.terms[1:])
    # The few retained records keep their own answers' places, not what is visible in their pictures alone.
    assert [term.target for term in stage.terms[1:]] == [Gold(), SelfAnswers(), SelfAnswers(), LookAlikes()]


@dataclass(frozen=True)
class Plain:
    """Its refusals alone."""

    def recipe(self) -> Recipe:
        (stage,) = METHOD.recipe().stages
        assert isinstance(stage, Train)
        return Recipe((replace(stage, terms=stage.terms[:1]),))


def test_with_nothing_to_keep_it_is_plain_refusal(model: Model, tmp_path: Path) -> None:
    forget = Data(forget=toys.data().forget)
    ours = unlearn(model, forget, method=replace(METHOD, retain_batch=0), out=tmp_path / "ours")
    idk = unlearn(model, forget, method=Plain(), out=tmp_path / "idk", name="plain")
    with pytest.raises(UserError, match="keep: the method needs records that were not given"):
        unlearn(model, forget, method=METHOD, out=tmp_path / "bare")
    one, other = (load_delta(result.folder / "adapter", model) for result in (ours, idk))
    assert one.tensors.keys() == other.tensors.keys()
    for name in one.tensors:
        torch.testing.assert_close(one.dense(name), other.dense(name))


def test_what_is_kept_starts_where_the_original_is_and_stays_nearer_with_weight(model: Model, tmp_path: Path) -> None:
    found = {}
    for weight in (0.0, 30.0):
        method = replace(METHOD, keep_weight=weight)
        result = unlearn(model, toys.data(), method=method, out=tmp_path / str(weight))
        lines = log(result)
        assert lines[0]["retain"] == pytest.approx(0.0, abs=1e-6)
        assert lines[-1]["forget"] < lines[0]["forget"] - 0.2
        found[weight] = lines[-1]["retain"]
    assert found[30.0] < 0.3 * found[0.0]


def test_the_change_is_stretched_after_training(model: Model, tmp_path: Path) -> None:
    plain, more = (
        load_delta(unlearn(model, toys.data(), method=method, out=tmp_path / name).folder / "adapter", model)
        for name, method in (("one", METHOD), ("more", replace(METHOD, stretch=1.25)))
    )
    assert more.is_low_rank
    for name in plain.tensors:
        torch.testing.assert_close(more.dense(name), 1.25 * plain.dense(name))
