"""A teacher: the original model, shown a record otherwise than the student is, by hand and through a training."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from benign.data.record import Data, Message, Record, Slot
from benign.engine.draw import drawn
from benign.engine.log import Log
from benign.engine.recipe import Intervention, Optim, Term, Train
from benign.engine.teacher import shown
from benign.engine.train import Job, train
from benign.engine.unlearn import unlearn
from benign.errors import UserError
from benign.methods.vgid import VGID
from benign.models.delta import applied, load_delta
from benign.models.load import Model, load
from benign.models.pack import packed_rows
from benign.parts.loci import Locus
from benign.parts.loci.all_weights import AllWeights
from benign.parts.loci.lora import Lora
from benign.parts.objectives import Objective
from benign.parts.objectives.cross_entropy import CrossEntropy
from benign.parts.objectives.dpo import DirectPreference
from benign.parts.objectives.kl import KLToReference
from benign.parts.targets import Context
from benign.parts.targets.gold import Gold
from benign.parts.targets.refusal import Refusal
from tests import toys
from tests.conformance.test_loci import data as with_pictures
from tests.models import tiny

PREFACE = "which dog lives ?"
STEPS = Optim(lr=1e-5, epochs=None, steps=2, schedule="constant")


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(str(toys.text_model(tmp_path_factory.mktemp("model"))))


@pytest.fixture(scope="module")
def seeing(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(str(tiny.build("llava", tmp_path_factory.mktemp("model") / "model")))


def term(teacher: Intervention | None, objective: Objective | None = None) -> Term:
    return Term("forget", objective or KLToReference(), "forget", batch=2, teacher=teacher)


def trained(model: Model, stage: Train, data: Data, folder: Path) -> list[dict[str, float]]:
    folder.mkdir()
    context, log = Context(data, 0, lambda records: [r.gold for r in records]), Log(folder / "log.jsonl")
    train(Job(model, stage, drawn(stage, context), 0, "key", folder, log, lambda *_: None))
    return [json.loads(line) for line in log.path.read_text().splitlines()]


@torch.no_grad()
def said(model: Model, records: list[Record]) -> Tensor:
    """[rows, V] the original model's log-probabilities of the records' own answers."""
    model.module.eval()
    return packed_rows(model, [model.encoder.full(record) for record in records]).log_probabilities


def divergence(teacher: Tensor, student: Tensor) -> float:
    return float((teacher.exp() * (teacher - student)).sum(-1).mean())


@pytest.mark.parametrize("locus", [Lora(rank=4, dropout=0.0), AllWeights()], ids=["adapter off", "precomputed"])
def test_the_first_loss_is_the_divergence_between_the_two_views(text: Model, locus: Locus, tmp_path: Path) -> None:
    stage = Train("s", (term(Intervention(preface=PREFACE)),), STEPS, locus)
    records = list(toys.data().forget)
    asked = [replace(record, question=f"{PREFACE} {record.question}") for record in records]
    expected = divergence(said(text, asked), said(text, records))
    lines = trained(text, stage, toys.data(), tmp_path / "run")
    assert expected > 5e-5 and lines[0]["forget"] == pytest.approx(expected, rel=1e-2)
    assert lines[1]["forget"] < lines[0]["forget"], "the student goes towards the teacher"
    plain = trained(text, replace(stage, terms=(term(None),)), toys.data(), tmp_path / "plain")
    assert plain[0]["forget"] == pytest.approx(0.0, abs=1e-6)


def test_a_teacher_that_sees_noise_differs_by_the_picture_alone(seeing: Model, tmp_path: Path) -> None:
    data = with_pictures("llava")
    teacher = Intervention(noise=1.0)
    expected = divergence(said(seeing, shown(teacher, data.forget)), said(seeing, list(data.forget)))
    lines = trained(seeing, Train("s", (term(teacher),), STEPS, Lora(rank=4, dropout=0.0)), data, tmp_path / "run")
    assert expected > 1e-6 and lines[0]["forget"] == pytest.approx(expected, rel=1e-2)


def test_vgid_ends_nearer_to_its_teacher_and_keeps_the_rest(text: Model, tmp_path: Path) -> None:
    optim = Optim(lr=1e-2, epochs=None, steps=40)
    method = VGID(preface=PREFACE, optim=optim, locus=Lora(dropout=0.0), retain_weight=3.0)
    result = unlearn(text, toys.data(), method=method, out=tmp_path)
    assert result.adapter is not None
    forget, few = list(toys.data().forget), list(toys.data().few)
    teacher = said(text, shown(Intervention(preface=PREFACE), forget))
    before, kept = divergence(teacher, said(text, forget)), said(text, few)
    with applied(text, load_delta(result.adapter, text)):
        assert divergence(teacher, said(text, forget)) < 0.1 * before
        assert divergence(kept, said(text, few)) < 0.1 * before


def test_what_is_said_comes_before_the_first_words_of_the_user() -> None:
    told = Intervention(preface="Forget.")
    turns = (Message("system", ("Be kind.",)), Message("user", (Slot.IMAGE, "Who?")), Message("assistant", ("Ann",)))
    [chat] = shown(told, [Record("a", messages=turns)])
    assert chat.messages == (turns[0], Message("user", (Slot.IMAGE, "Forget. Who?")), turns[2])
    silent = (Message("user", (Slot.IMAGE,)), Message("assistant", ("Ann",)))
    assert shown(told, [Record("a", messages=silent)])[0].messages[0].content == (Slot.IMAGE, "Forget.")
    [asked] = shown(told, [Record("a", question="Who?", answer="Ann")])
    assert (asked.question, asked.answer) == ("Forget. Who?", "Ann")


def test_pictures_are_drowned_once_each() -> None:
    first, second = with_pictures("llava").forget[:2]
    same = replace(second, images=first.images)
    records = shown(Intervention(noise=0.5), [first, same, second])
    assert records[0].images[0] is records[1].images[0]
    assert len({record.images[0].digest for record in (*records, first, second)}) == 4
    assert [record.question for record in records] == [r.question for r in (first, same, second)]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (term(Intervention()), "shown the records as they are"),
        (term(Intervention(noise=1.0)), "no record shows a picture to put noise in"),
        (term(Intervention(noise=1.5)), r"the noise must be within 0 and 1, got 1\.5"),
        (replace(term(Intervention(noise=1.0)), view="text_only"), "needs pictures, and the view has none"),
        (term(Intervention(preface="x"), CrossEntropy()), "a teacher needs an objective that looks at the reference"),
    ],
)
def test_teachers_that_teach_nothing_are_refused(made: Term, said: str) -> None:
    with pytest.raises(UserError, match=said):
        drawn(Train("s", (made,), STEPS), Context(toys.data(), 0, lambda records: []))


def test_a_document_has_nothing_to_say_a_preface_before() -> None:
    with pytest.raises(UserError, match="a plain document has no question"):
        shown(Intervention(preface="x"), [Record("a", text="Once upon a time.")])
    with pytest.raises(UserError, match="without a user's turn"):
        shown(Intervention(preface="x"), [Record("a", messages=(Message("assistant", ("Ann",)),))])


def test_a_preference_compares_both_answers_with_the_teachers(text: Model, tmp_path: Path) -> None:
    beta = 0.5
    record = replace(toys.data().forget[0], answer="oslo")
    teacher = Intervention(preface=PREFACE)
    made = replace(term(teacher, DirectPreference(beta)), target=Refusal(("rome",)), against=Gold(), batch=1)
    data = replace(toys.data(), forget=(record,))
    lines = trained(text, Train("s", (made,), STEPS, Lora(rank=4, dropout=0.0)), data, tmp_path / "run")

    def total(one: Record) -> float:
        labels = text.encoder.full(one).labels
        return float(said(text, [one]).gather(1, labels[labels != -100][:, None]).sum())

    [asked] = shown(teacher, [record])
    chosen, rejected = (total(replace(record, answer=a)) - total(replace(asked, answer=a)) for a in ("rome", "oslo"))
    expected = -2 / beta * torch.nn.functional.logsigmoid(torch.tensor(beta * (chosen - rejected))).item()
    assert abs(chosen - rejected) > 1e-3 and lines[0]["forget"] == pytest.approx(expected, rel=1e-4)
