"""Records that do not reach what moves: text beside pictures, where a vision tower or a projector moves."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from benign.data.record import Data, ImageRef, Record
from benign.engine.importance import Importances
from benign.engine.recipe import Method, Optim
from benign.engine.unlearn import unlearn
from benign.errors import UserError
from benign.methods.fila import FILA
from benign.methods.grad_diff import GradDiff
from benign.methods.kfade import KFADE
from benign.methods.vila import VILA
from benign.models.change import Delta
from benign.models.delta import load_delta
from benign.models.load import Model, load
from benign.parts.loci.importance import Importance
from benign.parts.loci.layers import Layers
from benign.parts.loci.lora import Lora
from benign.parts.updates import Update
from benign.parts.updates.gu import GeometricDisentanglement
from benign.parts.updates.ofmu import PenaltyBilevel
from benign.parts.updates.weighted_sum import WeightedSum
from tests import toys
from tests.models import tiny

SEEING = Layers(("vision", "projector"))
PROJECTOR = r".*projector.*"
FAST = Optim(lr=1e-2, epochs=None, steps=2, schedule="constant")
UPDATES: list[Update] = [WeightedSum(), GeometricDisentanglement(metric="plain"), PenaltyBilevel(2, held=False)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(str(tiny.build("llava", tmp_path_factory.mktemp("llava") / "model")))


def picture(colour: int) -> ImageRef:
    content = io.BytesIO()
    Image.new("RGB", (28, 28), (colour, 255 - colour, 90)).save(content, "PNG")
    return ImageRef(data=content.getvalue())


def shown(records: tuple[Record, ...]) -> tuple[Record, ...]:
    return tuple(replace(record, images=(picture(60 * place),)) for place, record in enumerate(records))


TEXT = toys.data()
MIXED = replace(TEXT, forget=shown(TEXT.forget))
HALF = replace(MIXED, few=(*shown(TEXT.few[:2]), *TEXT.few[2:]))


def learned(model: Model, data: Data, method: Method, folder: Path) -> Delta:
    result = unlearn(model, data, method=method, out=folder, cache=folder / "cache")
    assert result.adapter is not None
    return load_delta(result.adapter, model)


@pytest.mark.parametrize("data", [MIXED, HALF], ids=["kept in words", "kept in both"])
@pytest.mark.parametrize("update", UPDATES, ids=lambda update: type(update).__name__)
def test_a_pass_over_text_alone_adds_nothing(update: Update, data: Data, model: Model, tmp_path: Path) -> None:
    method = GradDiff(forget_batch=2, retain_batch=4, optim=FAST, locus=SEEING, update=update)
    apart = replace(method, optim=replace(FAST, micro_batch=1))
    whole, parts = (learned(model, data, m, tmp_path / str(i)) for i, m in enumerate((method, apart)))
    assert whole.tensors.keys() == parts.tensors.keys()
    changes = [torch.cat([d.dense(name).flatten() for name in sorted(d.tensors)]) for d in (whole, parts)]
    assert float(changes[0].norm()) > 1e-2
    assert float((changes[0] - changes[1]).norm()) < 0.02 * float(changes[0].norm())


def test_where_no_record_reaches_what_moves_it_is_said(model: Model, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"stage grad_diff: no record reaches what moves .*vision tower"):
        learned(model, TEXT, GradDiff(optim=FAST, locus=SEEING), tmp_path)


def test_what_no_record_reaches_does_not_matter_for_them(model: Model, tmp_path: Path) -> None:
    name = "model.multi_modal_projector.linear_1.weight"
    weights = {name: model.module.get_parameter(name)}
    found = {side: Importances(model, MIXED, tmp_path, lambda *_: None)(Importance(), side, weights)[name]
             for side in ("forget", "retain")}  # type: ignore[arg-type]  # fmt: skip
    assert found["forget"].any() and not found["retain"].any()


def test_a_start_or_a_curvature_that_the_kept_records_say_nothing_about_is_refused(
    model: Model, tmp_path: Path
) -> None:
    lora = Lora(rank=2, alpha=4.0, dropout=0.0, modules=PROJECTOR)
    for place, method in enumerate((FILA(lora=lora, optim=FAST), VILA(lora=lora, importance_batch=1, optim=FAST))):
        with pytest.raises(UserError, match=r"what is kept says nothing about model.multi_modal_projector.linear_1"):
            learned(model, MIXED, method, tmp_path / str(place))
    learned(model, MIXED, FILA(lora=lora, preset="code", optim=FAST), tmp_path / "code")
    with pytest.raises(UserError, match="nothing that moves has a measured curvature"):
        learned(model, MIXED, KFADE(1, modules=PROJECTOR), tmp_path / "kfade")
