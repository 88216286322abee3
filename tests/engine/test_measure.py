"""Statistics of a model's modules: equal to looking by hand, kept, and what MANU makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from benign.data.record import Data
from benign.engine.measure import measured
from benign.engine.recipe import Measure
from benign.engine.unlearn import unlearn
from benign.errors import UserError
from benign.methods.manu import MANU
from benign.models.delta import applied, load_delta
from benign.models.load import Model, load
from benign.parts.statistics.activity import Activity
from tests import toys


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(str(toys.text_model(tmp_path_factory.mktemp("model"))))


@pytest.fixture(scope="module")
def pictures() -> tuple[Model, Data]:
    from benign.benchmarks.smllmun import SMLLMUn

    bench = SMLLMUn(5)
    data = bench.data()
    people = sorted({record.subject for record in data.forget})[:2]
    forget = tuple(r for r in data.forget if r.subject in people and r.kind == "memory")
    return load(str(bench.original)), Data(forget=forget, few=tuple(r for r in data.few if r.kind == "memory")[:20])


def by_hand(model: Model, records: tuple, name: str) -> Tensor:  # type: ignore[type-arg]
    """[tokens, neurons] what the module reads, a record at a time, unpadded."""
    seen: list[Tensor] = []
    module = model.module.get_submodule(name)
    handle = module.register_forward_pre_hook(lambda _, args: seen.append(args[0].flatten(0, -2).double()))
    with torch.no_grad():
        for record in records:
            model.module(**model.encoder.full(record).inputs, use_cache=False)
    handle.remove()
    return torch.cat(seen)


def test_padding_and_batches_do_not_show_in_the_numbers(text: Model, tmp_path: Path) -> None:
    data = toys.data()
    stage = Measure("activity", Activity(layers=1), "retain")
    found = measured(text, stage, data, tmp_path, lambda *_: None)
    [(name, numbers)] = found.numbers.items()
    assert name == "model.layers.1.mlp.down_proj"
    z = by_hand(text, data.retain, name)
    torch.testing.assert_close(numbers["magnitude"], z.abs().mean(0), rtol=1e-5, atol=1e-8)
    torch.testing.assert_close(numbers["variance"], z.var(0, correction=0), rtol=1e-4, atol=1e-9)
    torch.testing.assert_close(numbers["energy"], z.square().mean(0), rtol=1e-5, atol=1e-9)
    assert found.weights[name].data_ptr() == text.module.get_submodule(name).weight.data_ptr()


def test_what_was_measured_is_read_and_damage_is_told(text: Model, tmp_path: Path) -> None:
    stage = Measure("activity", Activity(), "retain")
    runs: list[str] = []
    first = measured(text, stage, toys.data(), tmp_path, lambda what, *_: runs.append(what))
    assert runs
    runs.clear()
    again = measured(text, stage, toys.data(), tmp_path, lambda what, *_: runs.append(what))
    assert not runs
    assert all(torch.equal(again.numbers[n][k], v) for n, of in first.numbers.items() for k, v in of.items())
    kept = next(tmp_path.glob("*.safetensors"))
    kept.write_bytes(kept.read_bytes()[:-4] + b"oops")
    with pytest.raises(UserError, match="the kept statistic is damaged"):
        measured(text, stage, toys.data(), tmp_path, lambda *_: None)


def test_a_text_model_has_no_two_routes_to_compare(text: Model, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no record of kind memory shows a picture"):
        unlearn(text, toys.data(), method=MANU(), out=tmp_path)


def test_manu_prunes_the_last_layers_of_both_stacks_and_nothing_else(
    pictures: tuple[Model, Data], tmp_path: Path
) -> None:
    model, data = pictures
    result = unlearn(model, data, method=MANU(share=0.1, layers=2), out=tmp_path)
    assert result.adapter is not None
    delta = load_delta(result.adapter, model)
    layers = len(model.family.layers_of(model.module))
    decoder = {f"{model.family.layers}.{i}.mlp.down_proj.weight" for i in (layers - 2, layers - 1)}
    towers = {name for name in delta.tensors if name not in decoder}
    assert decoder < set(delta.tensors) and len(towers) == 2 and all(name.endswith("fc2.weight") for name in towers)
    for name in delta.tensors:
        change, weight = delta.dense(name), model.module.get_parameter(name)
        gone = (weight + change == 0).all(0)
        assert gone.sum() == -(-weight.shape[1] // 10)
        assert (change[:, ~gone] == 0).all()


def test_all_neurons_pruned_is_a_layer_without_its_feed_forward_part(
    pictures: tuple[Model, Data], tmp_path: Path
) -> None:
    model, data = pictures
    result = unlearn(model, data, method=MANU(share=1.0, layers=1, vision=False), out=tmp_path)
    assert result.adapter is not None
    inputs = model.encoder.full(data.forget[0]).inputs
    last = model.family.layers_of(model.module)[-1].mlp
    with torch.no_grad(), applied(model, load_delta(result.adapter, model)):
        pruned = model.module(**inputs).logits
    handle = last.register_forward_hook(lambda *found: torch.zeros_like(found[-1]))
    with torch.no_grad():
        silenced = model.module(**inputs).logits
    handle.remove()
    torch.testing.assert_close(pruned, silenced)
