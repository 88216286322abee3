"""What the papers claim, where the embedded models show it: one seed and a margin; three are in docs/methods."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benign.benchmarks.presets_text import embedded
from benign.data.record import Data
from benign.engine.draw import drawn
from benign.engine.log import Log
from benign.engine.recipe import Method, Train
from benign.engine.train import Job, train
from benign.methods.seuf import SEUF
from benign.models.embedded.text import exam, world
from benign.models.load import Model, load
from benign.parts.loci.all_weights import AllWeights
from benign.parts.targets import Context

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


class Enough(Exception):
    """As much is forgotten as was wanted."""


def kept(model: Model, method: Method, data: Data, folder: Path, *, most: float = 0.1) -> tuple[int, float]:
    """After how many steps at most so much of the forget set is said, and how much of the retain set is then."""
    (stage,) = method.recipe().stages
    assert isinstance(stage, Train)
    found: list[tuple[int, float]] = []

    def share(records: Any) -> float:
        model.module.eval()
        with torch.no_grad():
            return float(np.mean(exam.correct(model.module, records)))

    def look(what: str, done: int, total: int) -> None:
        if what.startswith("train") and done % 2 == 0 and share(data.forget) <= most:
            found.append((done, share(data.retain[::7])))
            raise Enough

    context, log = Context(data, 0, lambda records: [r.gold for r in records]), Log(folder / "log")
    with pytest.raises(Enough):
        train(Job(model, stage, drawn(stage, context), 0, "key", folder, log, look, 1e9, data))
    return found[0]


def test_vila_forgets_as_fila_does_and_keeps_no_less(tmp_path: Path) -> None:
    model, data = load("embedded:lm"), world.splits(1)
    steps, left = {}, {}
    for name in ("fila", "vila"):
        (tmp_path / name).mkdir()
        steps[name], left[name] = kept(model, embedded(name), data, tmp_path / name)
    assert steps["vila"] <= steps["fila"] + 4
    assert left["vila"] > left["fila"] - 0.05
    sizes = {
        name: sum(file.stat().st_size for file in (tmp_path / name).glob("statistics/*.safetensors"))
        for name in ("fila", "vila")
    }
    assert sizes["vila"] < sizes["fila"] / 7


def test_one_expert_steered_keeps_more_than_the_whole_model_steered(tmp_path: Path) -> None:
    model, data, tuned = load("embedded:moe"), world.splits(1), embedded("seuf")
    assert isinstance(tuned, SEUF)
    one = replace(tuned, objective="rmu")
    full = replace(one, locus=AllWeights(), anchor_weight=0.0, optim=replace(one.optim, lr=2e-4))
    left = {}
    for name, method in (("one", one), ("full", full)):
        (tmp_path / name).mkdir()
        left[name] = kept(model, method, data, tmp_path / name)[1]
    assert left["one"] > left["full"] + 0.03
