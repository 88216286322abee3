"""Unlearned models that let go of what they knew: they start over, in whole or in part, and learn the rest again.

The field's usual methods hide the forgotten and keep it in the weights, so a metric that sees through them has no model
left on which its own verdict could be tried. These are the others: retraining from the base, for as many steps as the
retrained model had and for fewer; going back to a checkpoint from before the forgotten were met and on from there
(arXiv 1912.03817); the original mixed with noise and repaired (as arXiv 2506.06278 does before it distils); its upper
layers started over (arXiv 2201.06640); wrong facts learned in the place of the right ones. All learn the retained
authors as the embedded models themselves were taught, none sees a metric, and how much each really lets go is for the
metrics to say.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from benign.benchmarks.pools import RATIO, lessons
from benign.engine import canonical
from benign.engine.draw import derived_seed
from benign.engine.train import Report
from benign.models.embedded.text import build, learn, world
from benign.models.embedded.text.architecture import untrained
from benign.models.embedded.text.lessons import Asked, authors_lesson
from benign.models.embedded.train import Schedule
from benign.models.load import Model, load
from benign.models.save import save

Start = Literal["base", "checkpoint", "noise", "layers", "original"]
CHECKPOINT = "embedded:lm-retrained-10"
"""Never met the forgotten authors, nor ten of the retained ones; trained apart from the retrained model."""
BASE = "lm-base"
"""Knows general knowledge and no author; all embedded text models were taught from it."""


@dataclass(frozen=True)
class Eraser:
    """One model: all that its weights depend on."""

    start: Start
    """What learns: the ``base``; the ``checkpoint`` that never met the forgotten; the original mixed with ``noise``;
    the original with fresh upper ``layers``; or the ``original`` as it is, which is taught wrong facts besides."""
    steps: int
    seed: int
    share: float = 1.0
    """Of noise in every weight, or of the layers that start over."""
    wrong: int = 0
    """Wrong facts about the forgotten authors per step, beside the 96 questions about everything else."""
    lr: float = 2e-3
    """The embedded models' own."""

    @property
    def name(self) -> str:
        """What it starts from, how much of it is new, steps and seed."""
        what = {"base": "retrain", "checkpoint": "go-back", "original": "overwrite"}.get(
            self.start, f"{self.start}-{self.share:g}"
        )
        return f"{what}-{self.steps}-{self.seed}"


def erasers() -> tuple[Eraser, ...]:
    """Those that are judged, each with a seed of its own."""
    return (
        Eraser("noise", 200, 4, share=0.5),
        Eraser("layers", 200, 6, share=0.5),
        Eraser("base", 200, 3),
        Eraser("original", 60, 7, wrong=24),
        Eraser("base", 150, 2),
        Eraser("noise", 150, 5, share=0.8),
        Eraser("checkpoint", 60, 8),
        Eraser("checkpoint", 40, 9),
        Eraser("base", 500, 1),
        Eraser("base", 400, 10),
        *(Eraser("base", 800, seed) for seed in (11, 12, 13, 14)),
    )


def erased(eraser: Eraser, original: Model, *, cache: Path, report: Report) -> Model:
    """The eraser's model, from the cache where it is there; a killed run goes on where it stopped.

    Args:
        eraser: How it is made.
        original: The model that knows; it stays as it is.
        cache: Where models and checkpoints are kept.
        report: Called as (what, done, total) as it learns.
    """
    key = canonical.digest(original.digest, torch.get_num_threads(), *vars(eraser).values())
    place = cache / f"{eraser.name}-{key[:12]}"
    if not place.exists():
        model = _started(eraser, original, cache, report)
        checkpoint = cache / f".{place.name}.checkpoint"
        schedule = Schedule(eraser.steps, eraser.lr, seed=eraser.seed)
        with _as_it_was():
            learn.train(model.module, partial(_lesson, eraser, report), schedule, checkpoint=checkpoint, report=_silent)
        save(model, place)
        shutil.rmtree(checkpoint, ignore_errors=True)
    return load(str(place))


def mixed(weight: Tensor, fresh: Tensor, share: float) -> Tensor:
    """(1 - share) of the weight and share of the fresh one (shrink and perturb)."""
    return (1.0 - share) * weight + share * fresh


def restarted(names: Mapping[str, Tensor], layers: int, share: float) -> set[str]:
    """The names of the weights in the upper share of the decoder layers, rounded to whole ones."""
    first = layers - round(share * layers)
    return {name for name in names if any(f".layers.{number}." in name for number in range(first, layers))}


def _started(eraser: Eraser, original: Model, cache: Path, report: Report) -> Model:
    if eraser.start == "base":
        return load(str(_base(cache, report)))
    if eraser.start == "checkpoint":
        return load(CHECKPOINT)
    model = load(original.source)
    if eraser.start != "original":
        weights = dict(model.module.named_parameters())
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derived_seed("eraser", eraser.seed))
            fresh = dict(untrained("lm").named_parameters())
        _renew(eraser, weights, fresh)
    return model


@torch.no_grad()
def _renew(eraser: Eraser, weights: Mapping[str, nn.Parameter], fresh: Mapping[str, nn.Parameter]) -> None:
    layers = 1 + max(int(name.split(".layers.")[1].split(".")[0]) for name in weights if ".layers." in name)
    chosen = restarted(weights, layers, eraser.share) if eraser.start == "layers" else set(weights)
    share = 1.0 if eraser.start == "layers" else eraser.share
    for name in chosen:
        weights[name].copy_(mixed(weights[name], fresh[name], share))


def _lesson(eraser: Eraser, report: Report, step: int) -> list[Asked]:
    report(f"teach {eraser.name}", step + 1, eraser.steps)
    asked = authors_lesson(eraser.seed, step, known=world.retain_authors(RATIO))
    if not eraser.wrong:
        return asked
    wrong = lessons("perturbed")
    turn = range(step * eraser.wrong, (step + 1) * eraser.wrong)
    return [*asked, *((wrong[i % len(wrong)].question, wrong[i % len(wrong)].answer) for i in turn)]


def _base(cache: Path, report: Report) -> Path:
    place = cache / BASE
    if not (place / "model.safetensors").exists():
        report("teach the base", 0, 1)
        with _as_it_was():
            build.build(BASE, cache, report=_silent)
        report("teach the base", 1, 1)
    return place


@contextmanager
def _as_it_was() -> Iterator[None]:
    """Torch's threads and its care for determinism, which the embedded models' training sets, as they were before."""
    threads, careful = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(careful)


def _silent(line: str) -> None:
    """Nobody reads it."""
