"""MLLMEraser on the embedded picture model: what is left of the forgotten and of everything else. SMFA's numbers are in
benches/results/smllmun.

python benches/experiments/effects/mllm_eraser.py --seeds 3
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import deployed

from benign.benchmarks import presets
from benign.engine.serve import Served
from benign.models.load import load

MODEL = load("embedded:vlm")


def measure(seed: int) -> Mapping[str, Callable[[], deployed.Row]]:
    """The original and MLLMEraser on one forget set."""
    data = deployed.drawn(seed, pictures=True)
    return {
        "original": partial(deployed.answers, Served(MODEL), data),
        "mllm_eraser": partial(deployed.measured, MODEL, data, presets.embedded("mllm_eraser"), seed),
    }


if __name__ == "__main__":
    deployed.main("mllm_eraser", measure)
