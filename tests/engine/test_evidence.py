"""What a model shows of records before training: of what may move alone, and on the way that training itself takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from benign.data.record import Data, Record
from benign.engine.draw import Drawn, drawn
from benign.engine.evidence import Shown
from benign.engine.log import Log
from benign.engine.recipe import Optim, Term, Train
from benign.engine.step import TrainingStep
from benign.engine.train import Job, train
from benign.methods.npo import NPO
from benign.methods.rna import RNA
from benign.models.families.family import Family
from benign.models.load import Model, load
from benign.parts.loci import Measured
from benign.parts.loci.all_weights import AllWeights
from benign.parts.loci.lora import Lora
from benign.parts.objectives import Objective
from benign.parts.objectives.cross_entropy import CrossEntropy
from benign.parts.objectives.grad_ascent import GradientAscent
from benign.parts.targets import Context
from benign.parts.updates import Gradient, State
from benign.parts.updates.weighted_sum import WeightedSum
from tests import toys

OPTIM = Optim(lr=1e-2, epochs=None, steps=6)
LOCUS = Lora(rank=4, dropout=0.0)
DATA = Data(forget=toys.records(("ann", "bob")), retain=toys.records(("cy", "dee", "eve", "fay")))
NAMES = ["model.layers.1.mlp.down_proj.weight", "model.layers.0.mlp.down_proj.weight"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(str(toys.text_model(tmp_path_factory.mktemp("model"))))


def context() -> Context:
    return Context(DATA, 0, lambda records: [r.gold for r in records])


def shown(model: Model, stage: Train, folder: Path) -> Shown:
    items = [Drawn(record, record.answer) for record in DATA.forget]
    return Shown(model, stage, stage.terms[0], items, context(), folder, lambda *_: None)


def stage(objective: Objective, locus: AllWeights | Lora = LOCUS) -> Train:
    terms = (Term("forget", objective, "forget", batch=4), Term("retain", CrossEntropy(), "keep"))
    return Train("s", terms, OPTIM, locus)


def plain_gradient(model: Model, record: Record, names: Sequence[str]) -> torch.Tensor:
    """By the model's own loss on one record, a mean over its answer's tokens."""
    example = model.encoder.full(record)
    parameters = [model.module.get_parameter(name).requires_grad_(True) for name in names]
    loss = model.module(**example.inputs, labels=example.labels).loss
    return torch.cat([way.flatten().double() for way in torch.autograd.grad(loss, parameters)])


@dataclass(frozen=True)
class Watching(WeightedSum):
    """The weighted sum, told of every step before it is taken."""

    look: Callable[[TrainingStep], None] = lambda _: None

    def __call__(self, step: Any, state: State) -> tuple[Gradient, State]:
        self.look(step)
        return super().__call__(step, state)


@dataclass(frozen=True)
class EvenRows(AllWeights):
    """Every other row of each weight may move."""

    def masks(self, module: nn.Module, family: Family, measured: Measured) -> Mapping[str, torch.Tensor]:
        found = {name: torch.zeros_like(module.get_parameter(name), dtype=torch.bool) for name in NAMES}
        for mask in found.values():
            mask[::2] = True
        return found


def test_only_what_may_move_is_aligned(model: Model, tmp_path: Path) -> None:
    found = shown(model, stage(CrossEntropy(), EvenRows(r"model\.layers\.\d\.mlp\.down_proj")), tmp_path)
    shapes = [model.module.get_parameter(name).shape for name in NAMES]
    rows = torch.cat([(torch.arange(shape[0]) % 2 == 0).repeat_interleave(shape[1]) for shape in shapes])
    retained = torch.stack([plain_gradient(model, r, NAMES) for r in DATA.retain]).mean(0) * rows
    own = torch.stack([plain_gradient(model, r, NAMES) for r in DATA.forget]) * rows
    cosines = torch.nn.functional.cosine_similarity(own, retained[None], dim=1)
    torch.testing.assert_close(found.alignment(cosine=False), own @ retained, rtol=1e-4, atol=1e-9)
    torch.testing.assert_close(found.alignment(cosine=True), cosines, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(
    "optim",
    [Optim(lr=1e-2, epochs=None, steps=6, weight_decay=5.0), Optim(lr=1.0, epochs=None, steps=6, optimizer="sgd")],
    ids=["adamw", "sgd"],
)
def test_the_states_on_the_way_are_trainings_own(model: Model, tmp_path: Path, optim: Optim) -> None:
    """Half of the stage run by the training loop ends where the norms' second point lies; dropout is the same."""
    plain = replace(stage(GradientAscent(), Lora(rank=4, dropout=0.5)), optim=replace(optim, schedule="constant"))
    found = shown(model, plain, tmp_path / "a")
    once, twice = found.gradient_norms(1), found.gradient_norms(2)
    steps = drawn(plain, context())
    seen: list[torch.Tensor] = []

    def look(step: TrainingStep) -> None:
        if step.number == 3:
            alone = [[(plain.terms[0], [item])] for item in found.items]
            ways = [replace(step, columns=columns).gradients(["forget"])["forget"] for columns in alone]
            seen.extend(torch.cat([part.flatten() for part in way]).norm() for way in ways)

    watched = replace(plain, update=Watching(look))
    (tmp_path / "b").mkdir()
    log = Log(tmp_path / "b" / "log.jsonl")
    train(Job(model, watched, steps, 0, "key", tmp_path / "b", log, lambda *_: None))
    torch.testing.assert_close(2 * twice - once, torch.stack(seen).double(), rtol=1e-4, atol=1e-6)
    assert not torch.allclose(twice, once, rtol=1e-2)


@pytest.mark.parametrize("locus", [LOCUS, AllWeights()], ids=["adapter", "weights"])
def test_norms_along_the_way_meet_the_steps_own_noise(model: Model, tmp_path: Path, locus: Lora | AllWeights) -> None:
    """Without a reference model at hand all that the steps will ask of it is computed before the first."""
    noisy = RNA(NPO(forget_batch=2, retain_batch=2, optim=OPTIM, locus=locus), nu=0.5, layer=0).recipe().stages[0]
    calm = RNA(NPO(forget_batch=2, retain_batch=2, optim=OPTIM, locus=locus), nu=1e-6, layer=0).recipe().stages[0]
    assert isinstance(noisy, Train) and isinstance(calm, Train)
    found, still = (shown(model, s, tmp_path / str(n)).gradient_norms(2) for n, s in enumerate((noisy, calm)))
    assert found.isfinite().all() and not torch.allclose(found, still, rtol=1e-3)
