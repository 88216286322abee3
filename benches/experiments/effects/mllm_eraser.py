"""MLLMEraser beside SMFA on the embedded picture model: what is left of the forgotten and of everything else.

python benches/experiments/effects/mllm_eraser.py --seeds 3
"""

from __future__ import annotations

from functools import partial

from observed import answers, deployed
from seeds import Jobs, fill, people

from benign.benchmarks.presets import embedded
from benign.engine.serve import Served
from benign.models.load import load

VLM = load("embedded:vlm")


def jobs(seed: int) -> Jobs:
    """The original and both methods on one forget set."""
    data = people(seed)
    both = {name: partial(deployed, VLM, data, embedded(name), seed) for name in ("mllm_eraser", "smfa")}
    return {"original": partial(answers, Served(VLM), data), **both}


if __name__ == "__main__":
    fill("mllm_eraser", jobs)
