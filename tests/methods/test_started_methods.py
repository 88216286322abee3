"""FILA and VILA: what they are made of, and that a short run of each forgets while it keeps."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benign.data.record import Data
from benign.engine.recipe import Method, Optim, Train
from benign.engine.unlearn import unlearn
from benign.methods.fila import FILA
from benign.methods.vila import VILA
from benign.models.load import Model, load
from benign.parts.loci.fisher_lora import FisherLora
from benign.parts.loci.importance import Importance
from benign.parts.loci.lora import Lora
from benign.parts.loci.variance_lora import VarianceLora
from benign.parts.objectives.cross_entropy import CrossEntropy
from benign.parts.objectives.grad_ascent import GradientAscent
from benign.parts.objectives.inverted_hinge import InvertedHinge
from benign.parts.objectives.npo import NegativePreference
from tests import toys

SMALL = Lora(rank=4, alpha=8.0, dropout=0.0)
FAST = Optim(lr=1e-2, epochs=None, steps=10, schedule="constant")
DATA = Data(forget=toys.records(("ann", "bob", "cy")), retain=toys.records(("dee", "eve")))


def stage(method: Method) -> Train:
    (found,) = method.recipe().stages
    assert isinstance(found, Train)
    return found


def test_fila_is_the_inverted_hinge_on_a_fisher_weighted_start() -> None:
    made = stage(FILA(lora=SMALL, retain_weight=0.5))
    assert made.locus == FisherLora(SMALL) and FisherLora(SMALL).importance == Importance("fisher")
    assert [(t.objective, t.on, t.weight) for t in made.terms] == [
        (InvertedHinge(), "forget", 1.0),
        (CrossEntropy(), "keep", 0.5),
    ]
    code = stage(FILA(preset="code")).locus
    assert isinstance(code, FisherLora) and (code.damping, code.floor, code.exact) == (0.0, 1e-5, False)
    assert code.importance == Importance("batch_fisher", 2, "tokens")


def test_vila_takes_any_of_its_three_losses_and_the_variance_of_factors() -> None:
    losses = {"ihl": InvertedHinge(), "gd": GradientAscent(), "npo": NegativePreference(0.5)}
    assert {name: stage(VILA(name)).terms[0].objective for name in losses} == losses  # type: ignore[arg-type]
    made = stage(VILA(lora=SMALL, sigma=0.1, importance_batch=3)).locus
    assert made == VarianceLora(SMALL, Importance("variance", 3), 0.1)
    code = stage(VILA(preset="code")).locus
    assert isinstance(code, VarianceLora) and code.counted_twice and not code.exact and code.floor == 1e-5
    assert code.importance == Importance("variance", 4, "tokens", passes=10)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(str(toys.text_model(tmp_path_factory.mktemp("model"))))


@pytest.mark.parametrize("preset", ["paper", "code"])
@pytest.mark.parametrize("kind", [FILA, VILA])
def test_a_short_run_makes_the_answers_give_way(
    kind: type[FILA] | type[VILA], preset: str, model: Model, tmp_path: Path
) -> None:
    # The toy model has learned no answer, so its loss begins near 1 and has little room.
    method = kind(preset=preset, lora=SMALL, forget_batch=6, retain_batch=2, retain_weight=0.0, optim=FAST)  # type: ignore[arg-type]
    method = replace(method, importance_batch=2) if isinstance(method, VILA) else method
    result = unlearn(model, DATA, method=method, out=tmp_path / "out")
    steps = [json.loads(line) for line in (tmp_path / "out" / "log.jsonl").read_text().splitlines()]
    assert steps[-1]["forget"] < steps[0]["forget"] - 0.003
    assert result.adapter is not None
    assert json.loads((result.adapter / "adapter_config.json").read_text())["r"] == 8
