"""ECO on the embedded models of words and of pictures: what is left of the forgotten and of everything else, and how
often the detector is right. NPO on the same words is in uld.json, IDK on pictures in benches/results/smllmun.

    python benches/experiments/effects/eco.py --seeds 3
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import deployed

from benign.benchmarks import presets, presets_text
from benign.engine.serve import Served
from benign.models.load import load

LM, VLM = load("embedded:lm"), load("embedded:vlm")


def measure(seed: int) -> Mapping[str, Callable[[], deployed.Row]]:
    """The original and ECO on one forget set of each model."""
    found: dict[str, Callable[[], deployed.Row]] = {}
    for model, tuned, pictures in ((LM, presets_text, False), (VLM, presets, True)):
        data, where = deployed.drawn(seed, pictures=pictures), "pictures" if pictures else "words"
        found[f"original, {where}"] = partial(deployed.answers, Served(model), data)
        found[f"eco, {where}"] = partial(deployed.measured, model, data, tuned.embedded("eco"), seed)
    return found


if __name__ == "__main__":
    deployed.main("eco", measure)
