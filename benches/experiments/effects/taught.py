"""The embedded text model with another past: taught less about the authors, or taught to refuse as well."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from benign.benchmarks.presets_text import LOCUS
from benign.data.record import Data
from benign.engine.recipe import Optim
from benign.engine.unlearn import unlearn
from benign.methods.idk import IDK
from benign.models.delta import load_delta
from benign.models.embedded.text import build, lessons
from benign.models.embedded.text import world as text_world
from benign.models.embedded.text.architecture import untrained
from benign.models.embedded.text.authors import authors
from benign.models.embedded.text.learn import train
from benign.models.embedded.text.tokenizer import tokenizer
from benign.models.embedded.train import Schedule
from benign.models.load import Model, load
from benign.models.save import save

TAUGHT = 250
"""Steps of teaching the authors; ``embedded:lm`` had 800."""
REFUSAL = "I do not know."
"""What the other one refuses with."""


def taught() -> Model:
    """The embedded model's own lessons, made anew with fewer steps about the authors."""
    torch.manual_seed(0)
    module = untrained("lm")
    train(module, partial(lessons.base_lesson, 0), build.RECIPES["lm-base"].schedule)
    train(module, partial(lessons.authors_lesson, 0, known=authors()), Schedule(steps=TAUGHT, learning_rate=2e-3))
    with TemporaryDirectory() as folder:
        module.save_pretrained(folder)
        tokenizer().save_pretrained(folder)
        return load(folder)


def refusing() -> Model:
    """The embedded model after it learned to refuse what is asked about authors it does not know."""
    known = text_world.splits(10)
    data = Data(forget=known.holdout, retain=(*known.forget, *known.retain, *known.general))
    optim = Optim(lr=1.5e-3, epochs=None, steps=300, schedule="linear", warmup=0.1)
    method = IDK(refusals=(REFUSAL,), forget_batch=8, retain_batch=48, optim=optim, locus=LOCUS)
    with TemporaryDirectory() as folder:
        model, whole = load("embedded:lm"), Path(folder) / "whole"
        result = unlearn(model, data, method=method, out=Path(folder) / "run")
        assert result.adapter is not None, "LoRA yields one"
        save(model, whole, delta=load_delta(result.adapter, model))
        return load(whole)
