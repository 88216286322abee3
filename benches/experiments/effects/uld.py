"""ULD beside NPO on the embedded text model: what is left of the forgotten, of everything else, and the training time.

python benches/experiments/effects/uld.py --seeds 3
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import deployed

from benign.benchmarks import presets_text
from benign.engine.serve import Served
from benign.models.load import load

MODEL = load("embedded:lm")


def measure(seed: int) -> Mapping[str, Callable[[], deployed.Row]]:
    """The original, NPO, and ULD with half and with a quarter of the layers, on one forget set."""
    data = deployed.drawn(seed)
    tuned: Any = presets_text.embedded("uld")
    methods = {"npo": presets_text.embedded("npo"), "uld": tuned, "uld, one layer": replace(tuned, depth=1)}
    return {
        "original": partial(deployed.answers, Served(MODEL), data),
        **{name: partial(deployed.measured, MODEL, data, method, seed) for name, method in methods.items()},
    }


if __name__ == "__main__":
    deployed.main("uld", measure)
