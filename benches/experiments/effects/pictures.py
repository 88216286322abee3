"""The first wave on pictures: every method with its preset, on the embedded model that sees.

    python benches/experiments/effects/pictures.py --seeds 3

Four of 80 people are to be forgotten, seven others are at hand; what is looked at is of people not at hand.
"""

from __future__ import annotations

from functools import partial

from observed import answers, unlearned
from seeds import Jobs, Row, fill, people

from benign.benchmarks.presets import embedded
from benign.data.record import Data
from benign.engine.serve import Served
from benign.models.load import load

VLM = load("embedded:vlm")
NAMES = (
    "idk", "npo", "ssd", "flat", "unierase", "uld", "meow", "eco", "mllm_eraser", "vila", "fila", "kfade", "gu", "blur",
    "mu_coreset", "guard", "melu", "rna", "ofmu", "benign",
)  # fmt: skip
"""SEUF needs experts, which this model has not."""


def row(data: Data, name: str, seed: int) -> Row:
    """What is left, and what it cost."""
    with unlearned(VLM, data, embedded(name), seed) as (served, _, cost):
        return {**answers(served, data), **cost}


def jobs(seed: int) -> Jobs:
    """The original, and one row per method."""
    data = people(seed)
    return {"original": partial(answers, Served(VLM), data), **{name: partial(row, data, name, seed) for name in NAMES}}


if __name__ == "__main__":
    fill("pictures", jobs)
