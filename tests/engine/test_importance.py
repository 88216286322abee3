"""Importances of a real model: equal to gradients taken by hand, measured once, and obeyed by a masked run."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from benign.data.record import Data, Record
from benign.engine.draw import drawn
from benign.engine.importance import Importances
from benign.engine.log import Log
from benign.engine.recipe import Optim, Term, Train
from benign.engine.train import Job, train
from benign.errors import UserError
from benign.models.change import Delta
from benign.models.load import Model, load
from benign.parts.loci.importance import Importance
from benign.parts.loci.layers import Layers
from benign.parts.loci.masked import Masked
from benign.parts.objectives.cross_entropy import CrossEntropy
from benign.parts.targets import Context
from benign.parts.updates import Gradient, State, Step
from tests import toys

NAME = "model.layers.0.mlp.down_proj.weight"
# Answers of different lengths, so that a mean over tokens is not one over records.
SEVERAL = Data(
    forget=tuple(
        replace(r, answer=f"{r.answer} {r.answer} cat" if i else r.answer)
        for i, r in enumerate(toys.records(("ann", "bob")))
    ),
    retain=toys.records(("cy",)),
)

OTHERS = replace(SEVERAL, forget=(*SEVERAL.forget[:3], replace(SEVERAL.forget[3], answer="dog")))
"""As many records, one of them another."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(str(toys.text_model(tmp_path_factory.mktemp("model"))))


def measured(model: Model, folder: Path, importance: Importance, data: Data = SEVERAL, side: str = "forget") -> Tensor:
    parameter = dict(model.module.named_parameters())[NAME].requires_grad_(True)
    try:
        store = Importances(model, data, folder, lambda *_: None)
        return store(importance, side, {NAME: parameter})[NAME]  # type: ignore[arg-type]
    finally:
        parameter.requires_grad_(False)


def by_hand(model: Model, record: Record) -> Tensor:
    """The gradient of a record's mean cross-entropy, from the model's own logits."""
    tokenizer, parameter = model.processor.tokenizer, dict(model.module.named_parameters())[NAME]
    chat = [{"role": "user", "content": record.question}, {"role": "assistant", "content": record.answer}]
    ids = tokenizer.apply_chat_template(chat, tokenize=True, return_tensors="pt", return_dict=True)["input_ids"]
    count = len(record.answer.split()) + 1
    parameter.requires_grad_(True)
    logp = model.module(ids).logits.log_softmax(-1)[0, :-1].gather(-1, ids[0, 1:, None])[-count:]
    gradient = torch.autograd.grad(-logp.mean(), parameter)[0]
    parameter.requires_grad_(False)
    return gradient


def test_estimates_are_those_of_gradients_taken_by_hand(model: Model, tmp_path: Path) -> None:
    gradients = torch.stack([by_hand(model, record) for record in SEVERAL.forget])
    weight = dict(model.module.named_parameters())[NAME].detach()
    fisher = gradients.square().mean(0)
    pairs = gradients.view(2, 2, *weight.shape).mean(1)
    wanted = {
        Importance("fisher", 3): fisher,
        Importance("obd"): fisher * weight.square(),
        Importance("batch_fisher", 2): pairs.square().mean(0),
        Importance("absolute", 1): gradients.mean(0).abs(),
        Importance("absolute", 3): gradients.mean(0).abs(),
    }
    for importance, expected in wanted.items():
        found = measured(model, tmp_path, importance)
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3 * float(expected.max()))
    assert float((pairs.square().mean(0) - fisher).abs().max()) > 0.1 * float(fisher.max())


def test_the_sides_look_at_their_own_records(model: Model, tmp_path: Path) -> None:
    kept = torch.stack([by_hand(model, record) for record in SEVERAL.retain]).square().mean(0)
    found = measured(model, tmp_path, Importance(), side="retain")
    torch.testing.assert_close(found, kept, rtol=1e-3, atol=1e-3 * float(kept.max()))


def test_an_estimate_is_measured_once_and_says_what_it_is(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = measured(model, tmp_path, Importance("batch_fisher", 2))
    with monkeypatch.context() as patch:
        patch.setattr(torch.autograd, "grad", None)
        assert torch.equal(measured(model, tmp_path, Importance("batch_fisher", 2)), first)
        for other in (Importance("batch_fisher", 3), Importance("fisher", 2)):
            with pytest.raises(TypeError):
                measured(model, tmp_path, other)
        with pytest.raises(TypeError):
            measured(model, tmp_path, Importance("batch_fisher", 2), OTHERS)
    (file,) = tmp_path.glob("*.json")
    about = json.loads(file.read_text())
    assert about["importance"] | {"part": ""} == {
        "part": "", "estimate": "batch_fisher", "batch": 2, "per": "records", "passes": 1,
    }  # fmt: skip
    assert (about["records"], about["side"], about["records_per_gradient"]) == (4, "forget", 2)
    assert about["model"] == model.digest
    assert "ann" not in file.read_text()


def test_a_damaged_estimate_is_refused(model: Model, tmp_path: Path) -> None:
    measured(model, tmp_path, Importance())
    (file,) = tmp_path.glob("*.safetensors")
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(bytes(content))
    with pytest.raises(UserError, match="damaged"):
        measured(model, tmp_path, Importance())


def run(model: Model, folder: Path, *, stop: int | None = None) -> Delta:
    """A masked run of 4 steps; ``stop`` kills it after so many, with a checkpoint."""
    optim = Optim(lr=1e-2, epochs=None, steps=4, weight_decay=0.5)
    terms = (Term("forget", CrossEntropy(), "forget"), Term("retain", CrossEntropy(), "keep"))
    stage = Train("s", terms, optim, Masked(over=Layers(("mlp",)), share=0.2))
    context = Context(SEVERAL, 0, lambda records: [r.gold for r in records])

    def report(what: str, done: int, total: int) -> None:
        if what.startswith("train") and done - 1 == stop:
            raise KeyboardInterrupt

    steps = drawn(stage, context)
    log = Log(folder.with_suffix(".jsonl"))
    job = Job(model, stage, steps, 0, "key", folder, log, report, save_every_seconds=0.0, data=SEVERAL)
    return train(job)[0]


def test_a_resumed_masked_run_is_the_straight_run(model: Model, tmp_path: Path) -> None:
    straight = run(model, tmp_path / "a")
    with pytest.raises(KeyboardInterrupt):
        run(model, tmp_path / "b", stop=2)
    assert '"step": 2' in (tmp_path / "b" / "checkpoint.json").read_text()
    assert run(model, tmp_path / "b").digest == straight.digest


def test_a_masked_step_is_adamws_where_it_moves(model: Model, tmp_path: Path) -> None:
    """The first step by hand: theta -> theta (1 - lr wd) - lr sign(g), and nothing elsewhere."""
    optim = Optim(lr=1e-2, epochs=None, steps=1, schedule="constant", weight_decay=0.5, clip=1e9)
    locus = Masked(over=Layers(("mlp",), within=(0,)), share=0.2)
    stage = Train("s", (Term("forget", CrossEntropy(), "forget", batch=4),), optim, locus)
    context = Context(SEVERAL, 0, lambda records: [r.gold for r in records])
    log = Log(tmp_path / "log.jsonl")
    job = Job(model, stage, drawn(stage, context), 0, "key", tmp_path, log, lambda *_: None, data=SEVERAL)
    delta = train(job)[0].dense(NAME)
    weight, moved = dict(model.module.named_parameters())[NAME].detach(), delta != 0
    assert 0.02 < float(moved.float().mean()) < 0.6
    rest = (delta + 1e-2 * 0.5 * weight)[moved].abs()
    assert float((rest - 1e-2).abs().median()) < 1e-5


@dataclass(frozen=True)
class Noisy:
    """An update that hands on what is no gradient."""

    def init(self, parameters: Gradient) -> State:
        return State()

    def __call__(self, step: Step, state: State) -> tuple[Gradient, State]:
        return tuple(way + 1 for way in step.sum()), state


def test_what_an_update_adds_does_not_reach_masked_entries_either(model: Model, tmp_path: Path) -> None:
    locus = Masked(over=Layers(("mlp",), within=(0,)), share=0.2)
    terms = (Term("forget", CrossEntropy(), "forget"),)
    stage = Train("s", terms, Optim(epochs=None, steps=2), locus, Noisy())
    context = Context(SEVERAL, 0, lambda records: [r.gold for r in records])
    log = Log(tmp_path / "log.jsonl")
    delta, _ = train(Job(model, stage, drawn(stage, context), 0, "key", tmp_path, log, lambda *_: None, data=SEVERAL))
    size = sum(delta.dense(name).numel() for name in delta.tensors)
    assert sum(int((delta.dense(name) != 0).sum()) for name in delta.tensors) == round(0.2 * size)


def test_a_masked_locus_without_records_is_a_bug(model: Model, tmp_path: Path) -> None:
    stage = Train("s", (Term("forget", CrossEntropy(), "forget"),), Optim(epochs=None, steps=1), Masked())
    context = Context(SEVERAL, 0, lambda records: [r.gold for r in records])
    job = Job(model, stage, drawn(stage, context), 0, "key", tmp_path, Log(tmp_path / "l"), lambda *_: None)
    with pytest.raises(ValueError, match="nothing to measure"):
        train(job)
