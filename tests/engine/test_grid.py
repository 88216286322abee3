"""Any objective with any locus, update and sampler: each combination does what each of its parts must do."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import torch

from benign.data.record import Data, Record
from benign.engine.draw import drawn
from benign.engine.log import Log
from benign.engine.recipe import Intervention, Optim, Term, Train
from benign.engine.train import Job, train
from benign.models.change import parameters
from benign.models.load import Model, load
from benign.parts.loci import Locus
from benign.parts.loci.all_weights import AllWeights
from benign.parts.loci.fisher_lora import FisherLora
from benign.parts.loci.importance import Importance
from benign.parts.loci.layers import Layers
from benign.parts.loci.lora import Lora
from benign.parts.loci.masked import Masked
from benign.parts.loci.neuron_paths import NeuronPaths
from benign.parts.loci.path_neurons import PathNeurons
from benign.parts.objectives.cross_entropy import CrossEntropy
from benign.parts.objectives.dpo import DirectPreference
from benign.parts.objectives.grad_ascent import GradientAscent
from benign.parts.objectives.kl import KLToReference
from benign.parts.objectives.npo import NegativePreference
from benign.parts.objectives.rmu import Misdirection
from benign.parts.objectives.simnpo import SimpleNegativePreference
from benign.parts.objectives.undial import AdjustedDistillation
from benign.parts.samplers import Candidates, Sampler
from benign.parts.samplers.cyclic import Cyclic
from benign.parts.samplers.image_grouped import ImageGrouped
from benign.parts.samplers.interleaved_ratio import InterleavedRatio
from benign.parts.samplers.length_buckets import LengthBuckets
from benign.parts.samplers.uniform import Uniform
from benign.parts.targets import Context
from benign.parts.targets.gold import Gold
from benign.parts.targets.refusal import Refusal
from benign.parts.updates import Gradient, State, Step, Update
from benign.parts.updates.alternating import Alternating
from benign.parts.updates.blur import ForgetFirst
from benign.parts.updates.gradient import dot, norm
from benign.parts.updates.gu import GeometricDisentanglement
from benign.parts.updates.masked_step import MaskedStep
from benign.parts.updates.pcgrad import GradientSurgery
from benign.parts.updates.primal_dual import PrimalDual
from benign.parts.updates.sharpness_aware import SharpnessAware
from benign.parts.updates.weighted_sum import WeightedSum
from tests import toys
from tests.conformance.test_loci import data as with_pictures
from tests.models import tiny

FORGET = {
    "idk": Term("forget", CrossEntropy(), "forget", target=Refusal()),
    "ga": Term("forget", GradientAscent(), "forget"),
    "npo": Term("forget", NegativePreference(), "forget"),
    "simnpo": Term("forget", SimpleNegativePreference(), "forget"),
    "undial": Term("forget", AdjustedDistillation(), "forget"),
    "rmu": Term("forget", Misdirection(layer=1), "forget"),
    "dpo": Term("forget", DirectPreference(), "forget", target=Refusal(), against=Gold()),
    "vgid": Term("forget", KLToReference(), "forget", teacher=Intervention(noise=1.0, preface="which pet ?")),
}
RETAIN = {"ce": CrossEntropy(), "kl": KLToReference()}
MLP = Layers(("mlp",))
LOCI: dict[str, Locus] = {
    "lora": Lora(rank=4, dropout=0.0),
    "rslora": Lora(rank=4, rslora=True, within=(0,)),
    "dora": Lora(rank=4, dora=True, dropout=0.0),
    "all": AllWeights(),
    "mlp": MLP,
    "tables": Layers(("embedding", "head"), rows=tuple(range(5, 40))),
    "masked": Masked(over=MLP, share=0.3),
    "paths": PathNeurons(NeuronPaths(top_k=2)),
    "fila": FisherLora(Lora(rank=4, dropout=0.0)),
}
UPDATES: dict[str, Update] = {
    "sum": WeightedSum(),
    "alternating": Alternating(),
    "pcgrad": GradientSurgery(),
    "blur": ForgetFirst(),
    "gu": GeometricDisentanglement(metric="plain"),
    "masked_step": MaskedStep(),
    "primal_dual": PrimalDual(start=1.0),
    "sharp": SharpnessAware(),
}
SAMPLERS: dict[str, Sampler] = {
    "uniform": Uniform(),
    "cyclic": Cyclic(),
    "buckets": LengthBuckets(),
    "pictures": ImageGrouped(),
}
SEEING: dict[str, Locus] = {
    "vision": Layers(("vision", "projector")),
    "projector": Layers(("projector",)),
    "lora": LOCI["lora"],
    "masked projector": Masked(over=Layers(("projector",)), share=None, threshold=1.0, importance=Importance("obd")),
}
RESTING = {"sum": InterleavedRatio(every=2), "blind": InterleavedRatio(every=2, first=1)}
CASES = [
    *[
        ("toy", objective, locus, update, sampler)
        for place, (locus, update) in enumerate(product(LOCI, UPDATES))
        for objective, sampler in [(list(FORGET)[place % len(FORGET)], list(SAMPLERS)[place // 3 % len(SAMPLERS)])]
    ],
    *[("toy", objective, "masked", "sum", sampler) for objective in FORGET for sampler in ("pictures", "resting")],
    *[
        ("toy", list(FORGET)[place % len(FORGET)], locus, update, "resting")
        for place, (locus, update) in enumerate(product(("lora", "all"), UPDATES))
    ],
    *[
        ("llava", objective, locus, update, sampler)
        for place, (locus, update) in enumerate(product(SEEING, ("sum", "pcgrad", "gu", "sharp")))
        for objective, sampler in [(list(FORGET)[place % len(FORGET)], list(SAMPLERS)[place % len(SAMPLERS)])]
    ],
]


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """What would outlive a power cut is not looked at here, and a hundred runs write many files."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@cache
def model(name: str) -> Model:
    with TemporaryDirectory() as folder:
        place = Path(folder) / "model"
        return load(str(toys.text_model(place) if name == "toy" else tiny.build(name, place)))


def data(name: str) -> Data:
    return toys.data() if name == "toy" else with_pictures(name)


@dataclass(frozen=True)
class Watched:
    """An update whose promise is checked at every step."""

    update: Update
    seen: list[int]
    """How many entries each step's direction moves."""

    def init(self, parameters: Gradient) -> State:
        return self.update.init(parameters)

    def __call__(self, step: Step, state: State) -> tuple[Gradient, State]:
        direction, after = self.update(step, state)
        assert all(bool(way.isfinite().all()) for way in direction)
        losses, terms = step.losses(), step.gradients()
        if "retain" in losses:
            promised(self.update, direction, terms)
        else:
            rested(self.update, direction, terms, step, state, after)
        self.seen.append(sum(int((way != 0).sum()) for way in direction))
        return direction, after


def promised(update: Update, direction: Gradient, terms: dict[str, Gradient]) -> None:
    """The inner products and equalities that an update promises for two terms."""
    if len(terms) < 2:
        return
    forget, keep = terms["forget"], terms["retain"]
    small = 1e-4 * norm(forget) * norm(keep) + 1e-12
    if isinstance(update, ForgetFirst):
        assert float(dot(direction, forget)) == pytest.approx(float(dot(forget, forget)), rel=1e-3, abs=float(small))
    if isinstance(update, GeometricDisentanglement):
        off = tuple(way - kept for way, kept in zip(direction, keep, strict=True))
        assert abs(float(dot(off, keep))) <= float(small)
    if isinstance(update, GradientSurgery):
        assert float(dot(direction, forget)) >= -float(small) and float(dot(direction, keep)) >= -float(small)
    if isinstance(update, MaskedStep):
        for way, lost, kept in zip(direction, forget, keep, strict=True):
            quiet = lost.abs() < kept.abs()
            torch.testing.assert_close(way[quiet], kept[quiet])


def rested(
    update: Update, direction: Gradient, terms: dict[str, Gradient], step: Step, before: State, after: State
) -> None:
    """Where the retain term draws nothing, there is nothing to keep: the step forgets, plainly."""
    assert not any(bool(way.any()) for way in terms["retain"]) and norm(terms["forget"]) > 0
    if isinstance(update, PrimalDual):
        assert after.numbers == before.numbers != {}, "its multiplier waits"
    if isinstance(update, Alternating):
        assert step.number == 1 and not any(bool(way.any()) for way in direction), "it is the resting term's turn"
    elif not isinstance(update, SharpnessAware):
        for way, forget in zip(direction, terms["forget"], strict=True):
            torch.testing.assert_close(way, forget)


def stages(case: tuple[str, str, str, str, str], seen: list[int]) -> Train:
    name, objective, locus, update, sampler = case
    found = RESTING["sum"] if sampler == "resting" else SAMPLERS[sampler]
    keep = RETAIN["kl" if len(objective) % 2 else "ce"]
    terms = (FORGET[objective], Term("retain", keep, "keep", batch=3, sampler=found))
    optim = Optim(lr=1e-2, epochs=None, steps=2, schedule="constant", weight_decay=0.05)
    watched: Any = Watched(UPDATES[update], seen)
    return Train("grid", terms, optim, (LOCI if name == "toy" else SEEING)[locus], watched)


def context(name: str) -> Context:
    def original(records: Any) -> list[str]:
        return [record.gold for record in records]

    return Context(data(name), 0, original)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_a_combination_does_what_its_parts_must(case: tuple[str, str, str, str, str], folder: Path) -> None:
    name, found, seen = case[0], model(case[0]), list[int]()
    stage = stages(case, seen)
    locus, within, log = stage.locus, {}, Log(folder / "log.jsonl")
    before = {key: p.detach().clone() for key, p in parameters(found.module).items()}

    def look(what: str, done: int, total: int) -> None:
        if what.startswith("train"):
            within.update({key: p.detach().clone() for key, p in parameters(found.module).items()})

    steps = drawn(stage, context(name))
    delta, _ = train(Job(found, stage, steps, 0, "key", folder, log, look, data=data(name)))
    names = locus.names(found.module, found.family)
    chosen = {f"{each}.weight" for each in names} if locus.adapter else set(names)
    after = parameters(found.module)
    assert set(delta.tensors) == chosen
    assert all(bool(delta.dense(key).isfinite().all()) for key in chosen)
    assert any(bool(delta.dense(key).any()) for key in chosen)
    moving = set() if locus.adapter else chosen
    assert [key for key in before if key not in moving and not torch.equal(before[key], within[key])] == []
    assert [key for key in before if not torch.equal(before[key], after[key])] == []
    if isinstance(locus, Layers) and locus.rows:
        rest = [place for place in range(before[names[0]].shape[0]) if place not in locus.rows]
        assert not any(bool(delta.dense(key)[rest].any()) for key in chosen)
    if isinstance(locus, Masked) and locus.share:
        moved = sum(int((delta.dense(key) != 0).sum()) for key in chosen)
        most = round(locus.share * sum(before[key].numel() for key in chosen))
        # Updates see the mask too: a projection over all entries would be another one.
        assert 0 < moved <= most and all(count <= most for count in seen)
    lines = [json.loads(line) for line in log.path.read_text().splitlines()]
    assert [line["step"] for line in lines] == [0, 1] and all(math.isfinite(v) for v in numbers(lines))
    resting = case[4] == "resting"
    assert [sorted(set(line) & {"forget", "retain"}) for line in lines] == [
        ["forget", "retain"],
        ["forget"] if resting else ["forget", "retain"],
    ]
    assert len(seen) == 2


def numbers(lines: list[dict[str, Any]]) -> list[float]:
    return [value for line in lines for key, value in line.items() if key != "stage"]


def test_the_grid_is_large_and_holds_every_part() -> None:
    assert len(CASES) == len(set(CASES)) >= 60
    for place, parts in ((1, FORGET), (3, UPDATES), (4, SAMPLERS)):
        assert {case[place] for case in CASES} >= set(parts)


def test_a_step_in_which_every_term_rests_is_refused_before_the_first() -> None:
    stage = stages(CASES[0], [])
    alone = replace(stage, terms=(replace(stage.terms[1], sampler=RESTING["blind"]),))
    with pytest.raises(Exception, match="no term draws a record at step 0"):
        drawn(alone, context("toy"))


def test_an_epoch_of_the_first_term_is_as_long_as_its_sampler_says() -> None:
    stage = replace(stages(CASES[0], []), optim=Optim(epochs=3.0))
    for sampler, expected in ((Cyclic(), 3), (InterleavedRatio(every=4), 12), (LengthBuckets(), 3), (Uniform(), 3)):
        terms = (replace(stage.terms[0], sampler=sampler, batch=2), replace(stage.terms[1], sampler=Uniform()))
        steps = drawn(replace(stage, terms=terms), context("toy"))
        # Two forget records, in batches of two.
        assert len(steps) == expected
        assert sorted(item.record.id for step in steps for item in step[0]) == ["ann/city"] * 3 + ["ann/pet"] * 3


def test_a_picture_comes_with_all_its_questions() -> None:
    shared = with_pictures("llava")
    picture = shared.forget[0].images
    few = tuple(replace(r, images=picture if i < 3 else r.images) for i, r in enumerate(shared.few))
    stage = stages(("llava", "ga", "lora", "sum", "pictures"), [])
    steps = drawn(stage, Context(replace(shared, few=few), 0, lambda records: [r.gold for r in records]))
    sizes = {len({item.record.id for item in step[1] if item.record.images == picture}) for step in steps}
    assert sizes <= {0, 3} and Candidates(few).pictures[0] == Candidates(few).pictures[2]
    assert isinstance(few[0], Record)
