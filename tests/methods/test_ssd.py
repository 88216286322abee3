"""SSD on a language model within its locus and from one measurement, and on a classifier that forgets a class."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from benign.audit.metrics.rouge import overlap
from benign.data.record import Record, of_kind
from benign.engine.compose import compose
from benign.engine.recipe import Weigh
from benign.engine.serve import Served
from benign.engine.unlearn import unlearn
from benign.engine.weigh import module_weighed, weighed
from benign.errors import UserError
from benign.methods.ssd import SSD
from benign.models.change import Delta, add, parameters
from benign.models.delta import load_delta
from benign.models.embedded.world import splits
from benign.models.load import Model, load
from benign.parts.edits.dampening import Dampening
from benign.parts.loci.importance import Importance
from benign.parts.loci.layers import Layers
from benign.parts.loci.lora import Lora
from benign.parts.loci.masked import Masked
from tests import toys

MLP = Layers(("mlp",), within=(1,))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(str(toys.text_model(tmp_path_factory.mktemp("model"))))


def result(model: Model, method: SSD, folder: Path, cache: Path) -> Delta:
    done = unlearn(model, toys.data(), method=method, out=folder, cache=cache)
    assert done.adapter is not None
    return load_delta(done.adapter, model)


def test_weights_of_the_locus_shrink_and_a_second_alpha_measures_nothing(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = result(model, SSD(alpha=1.2, batch=1, locus=MLP), tmp_path / "one", tmp_path)
    own = parameters(model.module)
    assert first.tensors and all(name.startswith("model.layers.1.mlp.") for name in first.tensors)
    for name in first.tensors:
        weight, after = own[name].detach(), own[name].detach() + first.dense(name)
        assert bool((after.abs() <= weight.abs() + 1e-7).all()) and bool((after != weight).any())
    monkeypatch.setattr(torch.autograd, "grad", None)
    second = result(model, SSD(alpha=1.5, batch=1, locus=MLP), tmp_path / "two", tmp_path)
    chosen = [sum(int((d.dense(n) != 0).sum()) for n in d.tensors) for d in (first, second)]
    assert chosen[0] > chosen[1] > 0


def test_a_masked_locus_holds_and_gradients_are_wanted_as_before(model: Model, tmp_path: Path) -> None:
    stage = Weigh("forget", Importance(), "forget", Masked(MLP, share=0.1))
    asked = [parameter.requires_grad for parameter in model.module.parameters()]
    found = weighed(model, stage, toys.data(), tmp_path, lambda *_: None)
    plain = weighed(model, replace(stage, locus=MLP), toys.data(), tmp_path, lambda *_: None)
    inside = torch.cat([found.numbers[name]["importance"].flatten() for name in sorted(found.numbers)])
    whole = torch.cat([plain.numbers[name]["importance"].flatten() for name in sorted(plain.numbers)])
    assert 0 < int((inside != 0).sum()) <= round(0.1 * len(whole)) + 1
    assert bool(((inside == 0) | (inside == whole)).all())
    assert found.records == 2 and [p.requires_grad for p in model.module.parameters()] == asked


def test_an_adapter_has_nothing_to_dampen(model: Model, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="an adapter has no importance"):
        unlearn(model, toys.data(), method=compose(SSD(), locus=Lora()), out=tmp_path / "out")


def test_a_forget_set_as_large_as_what_is_kept_is_refused_with_the_reason(model: Model, tmp_path: Path) -> None:
    data = replace(toys.data(), few=toys.records(("bob",)))
    with pytest.raises(UserError, match="no ratio can exceed 2") as refused:
        unlearn(model, data, method=SSD(alpha=2.0), out=tmp_path / "out")
    assert "choose an alpha below it" in str(refused.value.fix)


def clusters(seed: int, count: int) -> tuple[Tensor, Tensor]:
    """Points about twenty corners of a ten-dimensional space."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(count) % 20
    centres = torch.randn(20, 10, generator=torch.Generator().manual_seed(99)) * 2
    return centres[y] + 0.5 * torch.randn(count, 10, generator=generator), y


def trained() -> nn.Module:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 20))
    x, y = clusters(0, 1000)
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()
    return net


def right(net: nn.Module, x: Tensor, y: Tensor) -> float:
    with torch.no_grad():
        return float((net(x).argmax(-1) == y).float().mean())


def test_a_classifier_forgets_one_class_and_keeps_the_others() -> None:
    net, (x, y), (held, truth) = trained(), clusters(0, 1000), clusters(1, 1000)
    assert right(net, held, truth) > 0.95

    def loss(places: Tensor) -> Tensor:
        return nn.functional.cross_entropy(net(x[places]), y[places])

    def batches(places: Tensor) -> list[Tensor]:
        return list(places.split(16))

    forget, keep = ((y == 0) == one for one in (True, False))
    sides = [
        module_weighed(net, batches(side.nonzero().flatten()), loss, records=int(side.sum())) for side in (forget, keep)
    ]
    edited = Dampening(alpha=8.0)(*sides)
    own = dict(net.named_parameters())
    add(edited.delta, {name: own[name] for name in edited.delta.tensors})
    gone = truth == 0
    assert right(net, held[gone], truth[gone]) < 0.1
    assert right(net, held[~gone], truth[~gone]) > 0.9


def test_a_batch_norm_is_dampened_where_it_learned_and_not_where_it_counted() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(10, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 20))
    x, y = clusters(0, 200)
    net(x)
    counted = {name: buffer.clone() for name, buffer in net.named_buffers()}

    def loss(places: Tensor) -> Tensor:
        return nn.functional.cross_entropy(net(x[places]), y[places])

    def side(one: bool) -> list[Tensor]:
        return list(((y == 0) == one).nonzero().flatten().split(16))

    forget, keep = (
        module_weighed(net, side(True), loss, records=10),
        module_weighed(net, side(False), loss, records=190),
    )
    edited = Dampening(alpha=1.5)(forget, keep)
    assert "1.weight" in edited.delta.tensors and set(edited.delta.tensors) <= set(dict(net.named_parameters()))
    assert counted and all(torch.equal(buffer, counted[name]) for name, buffer in net.named_buffers())
    assert net.training, "looked at in evaluation mode, and left as it was"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_embedded_vlm_forgets_two_people_without_training(tmp_path: Path) -> None:
    model, data = load("embedded:vlm"), replace(splits(5), few=())
    done = unlearn(model, data, method=SSD(alpha=5.0), out=tmp_path / "out")
    assert done.adapter is not None
    served = Served(model, (load_delta(done.adapter, model),))

    def left(records: tuple[Record, ...]) -> float:
        said = served.generate(records, max_new_tokens=16)
        return sum(overlap(r.gold, text)[1] for r, text in zip(records, said, strict=True)) / len(records)

    assert left(of_kind(data.forget, "memory")) < 0.4
    assert left(of_kind(data.retain, "memory")[::4]) > 0.85
