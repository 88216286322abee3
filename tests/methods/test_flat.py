"""FLAT as a method: forget data and templates, nothing else, with each of the eight divergences."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from benign.data.record import Data
from benign.engine.draw import drawn
from benign.engine.log import Log
from benign.engine.recipe import Optim, Term, Train
from benign.engine.train import Job, train
from benign.methods.flat import FLAT
from benign.models.load import Model, load
from benign.parts.loci.all_weights import AllWeights
from benign.parts.objectives.cross_entropy import CrossEntropy
from benign.parts.objectives.flat import FLAT as Objective
from benign.parts.objectives.flat import Divergence
from benign.parts.targets import Context
from benign.parts.targets.gold import Gold
from benign.parts.targets.refusal import Refusal
from tests import toys

FAST = Optim(lr=1e-2, epochs=None, steps=12, schedule="constant")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(str(toys.text_model(tmp_path_factory.mktemp("model"))))


def test_one_term_compares_a_template_with_the_answer_to_forget() -> None:
    (stage,) = FLAT("kl", refusals=("no",), forget_batch=7).recipe().stages
    assert isinstance(stage, Train)
    (term,) = stage.terms
    assert (term.objective, term.target, term.against) == (Objective("kl"), Refusal(("no",)), Gold())
    assert (term.on, term.kinds, term.batch) == ("forget", ("memory",), 7)


@pytest.mark.parametrize("divergence", get_args(Divergence))
def test_the_template_takes_over_without_any_other_data(divergence: Divergence, model: Model, tmp_path: Path) -> None:
    data = Data(forget=toys.data().forget)
    (stage,) = FLAT(divergence, ("I do not know.",), 2, FAST, AllWeights()).recipe().stages
    assert isinstance(stage, Train)
    looks = [
        Term(name, CrossEntropy(), on="forget", target=target, weight=0.0)
        for name, target in (("gold", Gold()), ("template", Refusal(("I do not know.",))))
    ]
    made = replace(stage, terms=(*stage.terms, *looks))
    context, log = Context(data, 0, lambda records: [r.gold for r in records]), Log(tmp_path / "log.jsonl")
    train(Job(model, made, drawn(made, context), 0, "key", tmp_path, log, lambda *_: None))
    steps = [json.loads(line) for line in log.path.read_text(encoding="utf-8").splitlines()]
    assert steps[-1]["template"] < 0.5 * steps[0]["template"]
    assert steps[-1]["gold"] > steps[0]["gold"] + 0.1
    assert steps[-1]["forget"] < steps[0]["forget"]
