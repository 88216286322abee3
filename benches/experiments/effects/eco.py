"""ECO on the embedded models of words and of pictures: what is left of the forgotten and of everything else, and how
often the detector is right. NPO on the same words is in uld.json, IDK on pictures in benches/results/smllmun.

    python benches/experiments/effects/eco.py --seeds 3
"""

from __future__ import annotations

from functools import partial

from observed import answers, deployed
from seeds import Jobs, authors, fill, people, with_general

from benign.benchmarks import presets, presets_text
from benign.engine.serve import Served
from benign.models.load import load

LM, VLM = load("embedded:lm"), load("embedded:vlm")


def jobs(seed: int) -> Jobs:
    """The original and ECO on one forget set of each model."""
    words, pictures = with_general(authors(seed)), people(seed)
    return {
        "original, words": partial(answers, Served(LM), words),
        "eco, words": partial(deployed, LM, words, presets_text.embedded("eco"), seed),
        "original, pictures": partial(answers, Served(VLM), pictures),
        "eco, pictures": partial(deployed, VLM, pictures, presets.embedded("eco"), seed),
    }


if __name__ == "__main__":
    fill("eco", jobs)
