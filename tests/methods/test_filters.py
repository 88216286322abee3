"""What the filters' papers claim, on the embedded models, with a margin; docs/methods has the tables of three seeds."""

from __future__ import annotations

from pathlib import Path

import pytest

from benches.experiments.effects import seeds
from benign.audit.metrics.rouge import overlap
from benign.audit.run import candidates
from benign.audit.views import reworded
from benign.benchmarks import presets, presets_text
from benign.data.record import Data, Record, of_kind
from benign.engine.recipe import Method
from benign.engine.serve import Served
from benign.engine.unlearn import unlearn
from benign.models.embedded import world as people
from benign.models.embedded.text import world as authors
from benign.models.load import Model, load


def exact(served: Served, records: tuple[Record, ...]) -> float:
    said = served.generate(records, max_new_tokens=32)
    return sum(overlap(r.gold, text)[1] == 1.0 for r, text in zip(records, said, strict=True)) / len(records)


def recalled(served: Served, records: tuple[Record, ...]) -> float:
    said = served.generate(records, max_new_tokens=32)
    return sum(overlap(r.gold, text)[1] for r, text in zip(records, said, strict=True)) / len(records)


def made(model: Model, data: Data, method: Method, folder: Path) -> Served:
    return candidates(model, [unlearn(model, data, method=method, out=folder)])[0].system


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_eco_stops_the_forgotten_questions_and_no_others(tmp_path: Path) -> None:
    model, data = load("embedded:lm"), authors.splits(1)
    served = made(model, data, presets_text.embedded("eco"), tmp_path)
    told = tuple(reworded(r, r.paraphrases[0]) for r in data.forget)
    others = (*data.retain[::20], *data.general)
    recall, worded, alarms = (served.fired(records) or [] for records in (data.forget, told, others))
    assert sum(recall) == len(recall) and sum(worded) >= 0.9 * len(worded) and sum(alarms) <= 0.02 * len(alarms)
    assert exact(served, data.forget) <= 0.15 and exact(served, data.retain[::40]) >= 0.97


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_mllm_eraser_forgets_without_training(tmp_path: Path) -> None:
    model, data = load("embedded:vlm"), people.splits(5)
    served = made(model, data, presets.embedded("mllm_eraser"), tmp_path)
    gone, seen = of_kind(data.forget, "memory"), of_kind(data.forget, "understanding")
    held = of_kind(data.retain, "memory")[::20]
    assert recalled(Served(model), gone) >= 0.9 and recalled(served, gone) <= 0.3
    assert recalled(served, held) >= 0.9 and recalled(served, seen) >= 0.8


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_uld_keeps_more_of_others_than_npo_does(tmp_path: Path) -> None:
    model, data = load("embedded:lm"), seeds.with_general(seeds.authors(0))
    gone, others = data.forget[::2], of_kind(data.retain, "memory")[180::40]
    left = {}
    for name in ("uld", "npo"):
        served = made(model, data, presets_text.embedded(name), tmp_path / name)
        assert recalled(served, gone) <= 0.4
        left[name] = recalled(served, others)
    assert left["uld"] > left["npo"] + 0.15
