"""ULD beside NPO on the embedded text model: what is left of the forgotten, of everything else, and the training time.

python benches/experiments/effects/uld.py --seeds 3
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from observed import answers, deployed
from seeds import Jobs, authors, fill, with_general

from benign.benchmarks.presets_text import embedded
from benign.engine.serve import Served
from benign.models.load import load

LM = load("embedded:lm")
TUNED: Any = embedded("uld")
METHODS = {"npo": embedded("npo"), "uld": TUNED, "uld, one layer": replace(TUNED, depth=1)}


def jobs(seed: int) -> Jobs:
    """The original, NPO, and ULD with half and with a quarter of the layers, on one forget set."""
    data = with_general(authors(seed))
    runs = {name: partial(deployed, LM, data, method, seed) for name, method in METHODS.items()}
    return {"original": partial(answers, Served(LM), data), **runs}


if __name__ == "__main__":
    fill("uld", jobs)
