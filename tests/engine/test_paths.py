"""Neuron paths of a real model: equal to a plain loop, complete as an integral, and obeyed by MIP-Editor."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from torch import Tensor
from torch.func import functional_call

from benign.data.record import Data
from benign.engine.importance import Importances
from benign.engine.paths import on_paths, path_of
from benign.engine.recipe import Optim
from benign.engine.unlearn import unlearn
from benign.errors import UserError
from benign.methods.mip_editor import MIPEditor
from benign.models.delta import load_delta
from benign.models.load import Model, load
from benign.parts.loci.neuron_paths import NeuronPaths
from benign.parts.loci.path_neurons import on_the_way
from tests import toys
from tests.conformance.test_loci import data as with_pictures
from tests.models import tiny

NAMES = ["model.layers.0.mlp.down_proj", "model.layers.1.mlp.down_proj"]
SHORT = Optim(lr=1e-2, epochs=None, steps=2, schedule="constant")


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(str(toys.text_model(tmp_path_factory.mktemp("model"))))


@pytest.fixture(scope="module")
def seeing(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(str(tiny.build("llava", tmp_path_factory.mktemp("model") / "model")))


def logp(model: Model, scale: dict[str, Tensor]) -> Tensor:
    """The first forget answer's log-probability with each column of the named weights scaled: a neuron's activation
    scaled at all tokens."""
    example = model.encoder.full(toys.data().forget[0])
    weights = {f"{n}.weight": model.module.get_submodule(n).weight.detach() * s[None] for n, s in scale.items()}
    rows = functional_call(model.module, weights, kwargs={**example.inputs, "use_cache": False}).logits.log_softmax(-1)
    labels = example.labels[0, 1:]
    chosen: Tensor = rows[0, :-1].gather(-1, labels.clamp(min=0)[:, None])[:, 0][labels != -100]
    return chosen.sum()


class Seen(NeuronPaths):
    """Notes the scores."""

    kept: ClassVar[list[Tensor]] = []

    def best(self, scores: Tensor) -> Tensor:
        self.kept.append(scores)
        return super().best(scores)


def scores(model: Model, paths: NeuronPaths) -> list[Tensor]:
    noting = Seen(paths.stack, paths.integrand, paths.of, paths.steps, paths.top_k)
    Seen.kept.clear()
    path_of(model, noting, model.encoder.full(toys.data().forget[0]), NAMES)
    return list(Seen.kept)


@pytest.mark.parametrize("steps", [1, 4])
def test_the_first_layers_scores_are_gradients_by_the_columns_scale(text: Model, steps: int) -> None:
    wanted = torch.zeros(64)
    for point in range(steps):
        scale = torch.full((64,), point / steps, requires_grad=True)
        wanted += torch.autograd.grad(logp(text, {NAMES[0]: scale}), scale)[0] / steps
    found = scores(text, NeuronPaths(steps=steps))[0]
    torch.testing.assert_close(found.float(), wanted, rtol=1e-3, atol=1e-7)
    assert float(found.abs().max()) > 1e-4


def test_the_first_layers_scores_add_up_to_what_the_layer_does(text: Model) -> None:
    with torch.no_grad():
        whole = logp(text, {}) - logp(text, {NAMES[0]: torch.zeros(64)})
    found = scores(text, NeuronPaths(steps=200))[0].sum()
    assert abs(float(whole)) > 1e-3 and float(found) == pytest.approx(float(whole), rel=2e-2)


def plain(model: Model, steps: int, top_k: int) -> list[list[int]]:
    """The path by one pass per point and layer, token by token."""
    example, path, width = model.encoder.full(toys.data().forget[0]), list[list[int]](), 64
    original: list[Tensor] = []
    for name in NAMES:
        module = model.module.get_submodule(name)
        handle = module.register_forward_pre_hook(lambda _, args: original.append(args[0][0].detach().clone()))
        logp(model, {})
        handle.remove()
    for layer in range(len(NAMES)):
        slopes = [torch.zeros_like(z) for z in original]
        for point in range(steps):
            given = []
            for place in range(layer + 1):
                factor = torch.ones(width)
                factor[path[place] if place < layer else list(range(width))] = point / steps
                given.append((original[place] * factor).requires_grad_())
            handles = [
                model.module.get_submodule(name).register_forward_pre_hook(lambda _, args, one=one: (one[None],))
                for name, one in zip(NAMES, given, strict=False)
            ]
            rows = model.module(**example.inputs, use_cache=False).logits[0].log_softmax(-1)
            for handle in handles:
                handle.remove()
            total = sum(rows[t - 1, label] for t, label in enumerate(example.labels[0].tolist()) if label != -100)
            assert isinstance(total, Tensor)
            for slope, found in zip(slopes, torch.autograd.grad(total, given), strict=False):
                slope += found / steps
        score = torch.zeros(width, dtype=torch.float64)
        for t in range(len(original[0])):
            before = [(place, neuron) for place, neurons in enumerate(path) for neuron in neurons]
            z = sum(float(original[place][t, neuron]) for place, neuron in before)
            g = sum(float(slopes[place][t, neuron]) for place, neuron in before)
            score += (original[layer][t].double() + z) * (slopes[layer][t].double() + g)
        path.append(sorted(range(width), key=lambda j: -float(score[j]))[:top_k])
    return path


def test_a_path_is_that_of_a_plain_loop(text: Model) -> None:
    paths = NeuronPaths(steps=3, top_k=4)
    found = path_of(text, paths, text.encoder.full(toys.data().forget[0]), NAMES)
    assert [neurons.tolist() for neurons in found] == plain(text, 3, 4)
    other = path_of(text, replace(paths, of="loss"), text.encoder.full(toys.data().forget[0]), NAMES)
    assert [neurons.tolist() for neurons in other] != [neurons.tolist() for neurons in found]


def test_the_share_is_of_the_records_and_a_paths_beginning_is_its_own(text: Model, tmp_path: Path) -> None:
    records = toys.data().retain
    shares = on_paths(text, NeuronPaths(top_k=3), records, lambda *_: None)
    assert list(shares) == NAMES
    for name, place in zip(NAMES, range(2), strict=True):
        each = [path_of(text, NeuronPaths(top_k=3), text.encoder.full(record), NAMES)[place] for record in records]
        counted = torch.zeros(64).index_add(0, torch.cat(each), torch.ones(3 * len(records)))
        torch.testing.assert_close(shares[name], counted / len(records))
    [(name, first)] = on_paths(text, NeuronPaths(top_k=3, upto=0), records, lambda *_: None).items()
    assert name == NAMES[0] and torch.equal(first, shares[name])


def test_paths_are_found_once_and_kept(text: Model, tmp_path: Path) -> None:
    told: list[str] = []
    store = Importances(text, toys.data(), tmp_path, lambda what, *_: told.append(what))
    parameters = dict(text.module.named_parameters())
    first, again = (store(NeuronPaths(), "forget", parameters) for _ in range(2))
    assert told == ["find paths for forget"] * 2, "two records, looked at once"
    assert all(torch.equal(first[name], again[name]) for name in NAMES)
    assert not torch.equal(store(NeuronPaths(top_k=9), "forget", parameters)[NAMES[0]], first[NAMES[0]])


def test_the_towers_paths_need_pictures_and_the_decoders_take_words_where_there_are_any(seeing: Model) -> None:
    records = with_pictures("llava").forget
    names = on_the_way(NeuronPaths("vision"), seeing.module, seeing.family)
    assert names and all("vision" in name for name in names)
    shares = on_paths(seeing, NeuronPaths("vision", "fisher", top_k=2), records, lambda *_: None)
    reached = [name for name in names if float(shares[name].sum()) == pytest.approx(2.0)]
    # What the projector reads is taken before the last layer, so no answer depends on that one's neurons.
    assert reached and all(float(shares[name].sum()) == 0.0 for name in names if name not in reached)
    words = tuple(replace(record, images=()) for record in records[:1])
    with pytest.raises(UserError, match="no record shows a picture"):
        on_paths(seeing, NeuronPaths("vision"), words, lambda *_: None)
    counts: list[int] = []
    on_paths(seeing, NeuronPaths(), (*records, *words), lambda _, total: counts.append(total))
    on_paths(seeing, NeuronPaths(), records, lambda _, total: counts.append(total))
    assert counts == [1] + [len(records)] * len(records)


@pytest.mark.parametrize("preset", ["paper", "code"])
def test_mip_editor_moves_the_paths_neurons_and_nothing_else(seeing: Model, preset: str, tmp_path: Path) -> None:
    data = with_pictures("llava")
    method = MIPEditor(layer=-1, top_k=2, preset=preset, optim=SHORT)  # type: ignore[arg-type]
    result = unlearn(seeing, data, method=method, out=tmp_path / "out")
    assert result.adapter is not None
    delta, moved = load_delta(result.adapter, seeing), 0
    of = "loss" if preset == "code" else "answer"
    paths = (NeuronPaths(of=of, top_k=2, upto=-1), NeuronPaths("vision", "fisher", top_k=2))  # type: ignore[arg-type]
    shares = {}
    for one in paths:
        shares |= on_paths(seeing, one, data.forget, lambda *_: None)
    for name in delta.tensors:
        change = delta.dense(name) if preset == "paper" else delta.dense(name).T
        [reader] = [other for other in shares if other.rpartition(".")[0] == name.rsplit(".", 2)[0]]
        assert not change[:, shares[reader] == 0].any()
        moved += int(change.any(0).sum())
    assert moved > 0
    kinds = {name.rsplit(".", 2)[1] for name in delta.tensors}
    assert kinds == ({"down_proj", "fc2"} if preset == "paper" else {"gate_proj", "up_proj", "fc1"})


def test_a_text_model_has_no_tower_and_a_layer_that_is_none_is_told(text: Model, tmp_path: Path) -> None:
    data = toys.data()
    result = unlearn(text, data, method=MIPEditor(layer=0.5, optim=SHORT), out=tmp_path / "out")
    assert result.adapter is not None
    assert set(load_delta(result.adapter, text).tensors) == {f"{name}.weight" for name in NAMES}
    with pytest.raises(UserError, match="decoder layers 0 to 1, and none is layer 7"):
        unlearn(text, data, method=MIPEditor(layer=7), out=tmp_path / "other")


def test_pictures_for_the_tower_are_asked_for(seeing: Model, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no record shows a picture"):
        unlearn(seeing, Data(forget=toys.data().forget, few=toys.data().few), method=MIPEditor(), out=tmp_path)
