"""Every locus gets every check of its axis: a new file in parts/loci is found and tested by itself."""

from __future__ import annotations

import dataclasses
import io
import json
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from benign.data.record import Data, ImageRef
from benign.engine import canonical
from benign.engine.draw import drawn
from benign.engine.log import Log
from benign.engine.recipe import Optim, Term, Train
from benign.engine.train import Job, train
from benign.models.change import Delta, parameters
from benign.models.delta import applied
from benign.models.load import Model, load
from benign.parts import loci
from benign.parts.loci import ExpertLocus, Locus
from benign.parts.loci.expert_use import ExpertUse
from benign.parts.loci.importance import Importance
from benign.parts.loci.layers import Layers
from benign.parts.loci.lora import Lora
from benign.parts.loci.neuron_paths import NeuronPaths
from benign.parts.objectives.cross_entropy import CrossEntropy
from benign.parts.targets import Context
from benign.parts.targets.refusal import Refusal
from tests import toys
from tests.models import tiny

MORE: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "AllWeights": [("toy", {"modules": r".*\.mlp\..*"})],
    "FisherLora": [
        ("toy", {"lora": Lora(4, 8.0, 0.0), "importance": Importance("batch_fisher", 2), "exact": False}),
        ("llava", {"lora": Lora(2, 4.0, 0.1, within=(0,))}),
    ],
    "Layers": [
        ("toy", {"what": ("attention",), "within": (-1,)}),
        ("toy", {"what": ("embedding", "head"), "rows": (7, 20)}),
        ("toy", {"what": ("block",), "within": (0,)}),
        ("mixtral", {"what": ("router",)}),
        ("mixtral", {"what": ("experts",), "experts": (0, 2)}),
        ("llava", {"what": ("vision", "projector")}),
    ],
    "LinearWeights": [("toy", {"over": r".*\.mlp\..*"})],
    "Lora": [
        ("toy", {"rslora": True, "rank": 4}),
        ("toy", {"dora": True, "dropout": 0.0}),
        ("toy", {"dora": True, "rslora": True, "within": (1,)}),
    ],
    "Masked": [
        ("toy", {"share": 0.1, "importance": Importance("batch_fisher", 3)}),
        ("toy", {"share": None, "threshold": 1.0, "importance": Importance("absolute", 2), "over": Layers()}),
        ("toy", {"importance": Importance("obd"), "over": Layers(("embedding",), rows=(5, 9, 30, 31))}),
    ],
    "VarianceLora": [
        ("toy", {"lora": Lora(4, 8.0, 0.0, rslora=True), "counted_twice": True, "floor": 1e-5}),
        ("mixtral", {"lora": Lora(2, 4.0, 0.0)}),
    ],
    "OneExpert": [
        ("mixtral", {"router": "row"}),
        ("mixtral", {"router": "none", "layer": -1, "expert": 2}),
        ("mixtral", {"use": ExpertUse(only_chosen=False), "layer": 0}),
    ],
    "PathNeurons": [
        ("toy", {"text": NeuronPaths(upto=0, of="loss"), "weights": "in"}),
        ("llava", {"vision": NeuronPaths("vision", "fisher", top_k=2), "text": NeuronPaths(top_k=1)}),
    ],
}
"""The model and the settings to try beside the defaults on the toy text model."""
BASE = {"OneExpert": "mixtral"}
"""The model to try the defaults on, where it is not the toy."""
NO_LOCUS = ("ExpertUse", "FactorImportance", "Importance", "NeuronPaths")
STEPS = 3
OPTIM = Optim(lr=1e-2, epochs=None, steps=STEPS, schedule="constant", weight_decay=0.1)


def every() -> Iterator[tuple[str, Locus]]:
    """All dataclasses of the folder with their defaults and the settings above."""
    for info in pkgutil.iter_modules(loci.__path__, f"{loci.__name__}."):
        for name, kind in vars(import_module(info.name)).items():
            local = isinstance(kind, type) and kind.__module__ == info.name and not name.startswith("_")
            if local and dataclasses.is_dataclass(kind) and name not in NO_LOCUS:
                made: Any = kind
                yield from ((model, made(**choice)) for model, choice in [(BASE.get(name, "toy"), {}), *MORE[name]])


EVERY = sorted(every(), key=repr)
for_every = pytest.mark.parametrize("case", EVERY, ids=lambda case: f"{case[0]}-{case[1]!r}")


@cache
def model(name: str) -> Model:
    with TemporaryDirectory() as folder:
        place = Path(folder) / "model"
        return load(str(toys.text_model(place) if name == "toy" else tiny.build(name, place)))


def picture(colour: int) -> ImageRef:
    content = io.BytesIO()
    Image.new("RGB", (28, 28), (colour, 255 - colour, 90)).save(content, "PNG")
    return ImageRef(data=content.getvalue())


def data(name: str) -> Data:
    found = toys.data()
    if not model(name).family.multimodal:
        return found
    shown = {
        split: tuple(replace(r, images=(picture(17 * i),)) for i, r in enumerate(found.split(split)))
        for split in ("forget", "retain", "few")
    }
    return Data(**shown)


@torch.no_grad()
def logits(name: str) -> Tensor:
    """[T, V] what the model as it is now says to the first forget record."""
    found = model(name)
    found.module.eval()
    logits: Tensor = found.module(**found.encoder.full(data(name).forget[0]).inputs).logits[0]
    return logits.clone()


def weights(name: str) -> dict[str, Tensor]:
    return {key: p.detach().clone() for key, p in parameters(model(name).module).items()}


@dataclass(frozen=True)
class Run:
    """What a training of a few steps left behind."""

    delta: Delta
    before: dict[str, Tensor]
    within: dict[str, Tensor]
    """The weights, without an adapter, after the last step."""
    after: dict[str, Tensor]
    said: Tensor
    """The trained model's logits."""
    names: list[str]
    flags: tuple[bool, bool]


@cache
def trained(case: tuple[str, Locus]) -> Run:
    name, locus = case
    found, seen = model(name), {}
    terms = (
        Term("forget", CrossEntropy(), "forget", target=Refusal(), batch=2),
        Term("retain", CrossEntropy(), "keep", batch=2),
    )
    stage = Train("s", terms, OPTIM, locus)

    def look(what: str, done: int, total: int) -> None:
        if what.startswith("train") and done == total:
            seen["said"], seen["within"] = logits(name), weights(name)

    before, flags = weights(name), [p.requires_grad for p in found.module.parameters()]
    with TemporaryDirectory() as folder:
        context = Context(data(name), 0, lambda records: [r.gold for r in records])
        log = Log(Path(folder) / "log.jsonl")
        job = Job(found, stage, drawn(stage, context), 0, "key", Path(folder), log, look, data=data(name))
        delta, _ = train(job)
    same = flags == [p.requires_grad for p in found.module.parameters()]
    names = locus.names(found.module, found.family)
    return Run(delta, before, seen["within"], weights(name), seen["said"], names, (same, found.module.training))


def test_all_loci_are_found() -> None:
    assert {type(locus).__name__ for _, locus in EVERY} == set(MORE)


def moving(case: tuple[str, Locus]) -> set[str]:
    """The parameters that move, in whole or in part; of the experts to choose from it is one's."""
    run, locus = trained(case), case[1]
    return set(run.delta.tensors) & set(run.names) if isinstance(locus, ExpertLocus) else set(run.names)


@for_every
def test_what_is_frozen_stays_bit_identical(case: tuple[str, Locus]) -> None:
    run, locus = trained(case), case[1]
    frozen = set(run.before) - (set() if locus.adapter else moving(case))
    assert frozen or set(run.names) == set(run.before), "nothing was looked at"
    assert [name for name in frozen if not torch.equal(run.before[name], run.within[name])] == []


@for_every
def test_what_is_chosen_moves(case: tuple[str, Locus]) -> None:
    run, locus = trained(case), case[1]
    expected = {f"{name}.weight" for name in run.names} if locus.adapter else moving(case)
    assert set(run.delta.tensors) == expected and expected
    assert all(bool(run.delta.dense(name).isfinite().all()) for name in expected)
    # A zero that no record reaches (a bias behind the layer that is looked at) has no gradient and no decay.
    alive = {name for name in expected if run.before[name].any()}
    still = [name for name in alive if not run.delta.dense(name).any()]
    # A mask may leave nothing of one parameter; whole ones all move, if only by weight decay.
    assert len(still) < len(expected) and (still == [] or "Masked" in repr(locus) or "Paths" in repr(locus))


@for_every
def test_the_model_is_bit_for_bit_the_original_afterwards(case: tuple[str, Locus]) -> None:
    run = trained(case)
    assert run.before.keys() == run.after.keys()
    assert all(torch.equal(run.before[name].view(torch.int32), run.after[name].view(torch.int32)) for name in run.after)
    assert run.flags == (True, False)
    assert not any(".lora_" in name for name, _ in model(case[0]).module.named_modules())


@for_every
def test_the_delta_on_the_base_says_what_the_trained_model_says(case: tuple[str, Locus]) -> None:
    run = trained(case)
    with applied(model(case[0]), run.delta):
        torch.testing.assert_close(logits(case[0]), run.said, atol=1e-5, rtol=0.0)
    assert float((logits(case[0]) - run.said).abs().max()) > 1e-4


@pytest.mark.parametrize("case", [c for c in EVERY if "rows=(" in repr(c) or "experts=(" in repr(c)], ids=repr)
def test_only_the_chosen_rows_and_experts_move(case: tuple[str, Any]) -> None:
    layers = case[1] if isinstance(case[1], Layers) else case[1].over
    places = set(layers.rows or layers.experts)
    if not places:
        return
    for name in trained(case).delta.tensors:
        moved = trained(case).delta.dense(name).flatten(1).any(1).nonzero().flatten().tolist()
        assert moved and set(moved) <= places
        assert set(moved) == places or case[1] is not layers


@pytest.mark.parametrize("case", [c for c in EVERY if getattr(c[1], "share", None)], ids=repr)
def test_a_masks_share_is_what_moves_and_no_more(case: tuple[str, Any]) -> None:
    """With weight decay on: every entry that may move does, and no other one."""
    run, locus = trained(case), case[1]
    over = locus.over.masks(model(case[0]).module, model(case[0]).family, lambda *_: {})
    allowed = sum(int(over[name].sum()) if name in over else run.before[name].numel() for name in run.names)
    moved = sum(int((run.delta.dense(name) != 0).sum()) for name in run.names)
    assert 0 < moved <= round(locus.share * allowed)
    # Tokens that no forget record has get no gradient, so fewer than the share may matter at all.
    assert moved > 0.2 * locus.share * allowed


@for_every
def test_a_locus_is_a_value_that_a_recipe_can_hold(case: tuple[str, Locus]) -> None:
    locus = case[1]
    again = canonical.from_plain(json.loads(canonical.dumps(locus)))
    assert again == locus and hash(again) == hash(locus) and type(again) is type(locus)
    assert type(locus).__dataclass_params__.frozen  # type: ignore[attr-defined]
