"""The methods that are an update or an edit with an ordinary loss, and every update in the engine's own loop."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benign.engine.draw import drawn
from benign.engine.log import Log
from benign.engine.recipe import Optim, Sculpt, Term, Train
from benign.engine.train import Job, train
from benign.errors import UserError
from benign.methods.grad_diff import GradDiff
from benign.methods.mmunlearner import MMUnlearner
from benign.methods.pdu import PDU
from benign.methods.task_arithmetic import TaskArithmetic
from benign.models.change import Delta
from benign.models.delta import applied
from benign.models.load import Model, load
from benign.parts.edits.task_arithmetic import TaskArithmetic as Arithmetic
from benign.parts.loci.all_weights import AllWeights
from benign.parts.loci.lora import Lora
from benign.parts.objectives.cross_entropy import CrossEntropy
from benign.parts.objectives.grad_ascent import GradientAscent
from benign.parts.objectives.logit_margin import LogitMargin
from benign.parts.targets import Context
from benign.parts.updates import Update
from benign.parts.updates.alternating import Alternating
from benign.parts.updates.blur import ForgetFirst
from benign.parts.updates.gu import GeometricDisentanglement
from benign.parts.updates.masked_step import MaskedStep
from benign.parts.updates.ofmu import PenaltyBilevel
from benign.parts.updates.pcgrad import GradientSurgery
from benign.parts.updates.primal_dual import PrimalDual
from benign.parts.updates.sharpness_aware import SharpnessAware
from tests import toys

FAST = Optim(lr=3e-3, epochs=None, steps=5, schedule="constant")
STILL = Lora(rank=4, dropout=0.0)
UPDATES: list[Update] = [
    Alternating(),
    ForgetFirst(),
    GeometricDisentanglement(),
    MaskedStep(saliency="running"),
    GradientSurgery(),
    PrimalDual(bound=1.0, start=1.0, step_size=0.1),
    SharpnessAware(),
    PenaltyBilevel(2),
]


def stage(method: PDU | MMUnlearner | TaskArithmetic | GradDiff) -> Train:
    first = method.recipe().stages[0]
    assert isinstance(first, Train)
    return first


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(str(toys.text_model(tmp_path_factory.mktemp("model"))))


def trained(made: Train, model: Model, folder: Path) -> tuple[Delta, list[dict[str, float]]]:
    """What a stage learned, and each step's losses."""
    context = Context(toys.data(), 0, lambda records: [r.gold for r in records])
    log = Log(folder / "log.jsonl")
    delta, _ = train(Job(model, made, drawn(made, context), 0, "key", folder / made.name, log, lambda *_: None))
    return delta, [json.loads(line) for line in log.path.read_text(encoding="utf-8").splitlines()]


def made_in(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    return folder / name


GOLD = Term("gold", CrossEntropy(), on="forget", kinds=("memory",), weight=0.0)


def test_the_settings_reach_the_parts() -> None:
    assert stage(PDU(0.1, 2.0, 50.0, 0.3)).update == PrimalDual(0.1, 2.0, 50.0, 0.3)
    forget, retain = stage(PDU()).terms
    assert (forget.objective, retain.objective, retain.on) == (LogitMargin(), CrossEntropy(), "keep")
    masked = stage(MMUnlearner(threshold=4.0, saliency="first", forget_weight=0.5))
    assert (masked.update, masked.locus) == (MaskedStep(2.0, "first"), AllWeights())
    assert [(t.name, t.objective, t.weight) for t in masked.terms] == [
        ("forget", GradientAscent(), 0.5),
        ("retain", CrossEntropy(), 1.0),
    ]
    learned, subtracted = TaskArithmetic(0.5).recipe().stages
    assert isinstance(subtracted, Sculpt)
    assert (subtracted.edit, subtracted.inputs) == (Arithmetic((-0.5,)), (learned.name,))
    with pytest.raises(UserError, match="threshold must not be negative"):
        MMUnlearner(threshold=-1.0).recipe()


def test_subtracting_what_was_learned_makes_the_answers_less_likely(model: Model, tmp_path: Path) -> None:
    method = TaskArithmetic(optim=replace(FAST, lr=3e-4), locus=STILL)
    learned, losses = trained(stage(method), model, made_in(tmp_path, "training"))
    subtracted = method.recipe().stages[1]
    assert isinstance(subtracted, Sculpt)
    assert losses[-1]["forget"] < losses[0]["forget"]

    def gold(delta: Delta, name: str) -> float:
        still = Train("still", (GOLD,), Optim(lr=0.0, epochs=None, steps=1), STILL)
        with applied(model, delta):
            return trained(still, model, made_in(tmp_path, name))[1][0]["gold"]

    original = gold(Delta({}), "original")
    assert gold(learned, "learned") < original < gold(subtracted.edit(learned).delta, "subtracted")


def test_pdu_flattens_the_logits_and_its_dual_variable_follows_the_retain_loss(model: Model, tmp_path: Path) -> None:
    # The bound is out of reach, so the weight only grows, and the more it does the better retain is kept.
    kept = {}
    for size in (0.0, 5.0):
        made = stage(PDU(0.0, size, 0.0, 0.0, optim=replace(FAST, steps=8), locus=STILL))
        _, losses = trained(made, model, made_in(tmp_path, str(size)))
        kept[size] = losses[-1]["retain"]
        assert size or losses[-1]["forget"] < 0.9 * losses[0]["forget"]
    assert kept[5.0] < kept[0.0]


def test_a_threshold_out_of_reach_keeps_the_forget_gradient_out(model: Model, tmp_path: Path) -> None:
    ends = {}
    for threshold in (0.0, 1.0, 1e30):
        made = stage(MMUnlearner(threshold, optim=FAST, locus=STILL))
        ends[threshold] = trained(made, model, made_in(tmp_path, str(threshold)))[1][-1]["forget"]
    assert ends[0.0] < ends[1.0] < ends[1e30]


@pytest.mark.parametrize("update", UPDATES, ids=lambda update: type(update).__name__)
def test_every_update_runs_in_the_engine_and_a_micro_batch_changes_nothing(
    update: Update, model: Model, tmp_path: Path
) -> None:
    changes = []
    for micro_batch in (None, 1):
        optim = replace(FAST, steps=3, micro_batch=micro_batch)
        made = stage(GradDiff(optim=optim, locus=STILL, update=update))
        delta, losses = trained(made, model, made_in(tmp_path, str(micro_batch)))
        assert len(losses) == 3
        changes.append(torch.cat([delta.dense(name).flatten() for name in sorted(delta.tensors)]))
    assert float(changes[0].norm()) > 1e-4
    # Adam makes a whole step of a gradient entry that is nothing but rounding.
    assert float((changes[0] - changes[1]).norm()) < 0.02 * float(changes[0].norm())
