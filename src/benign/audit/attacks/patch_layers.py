"""Activation patching from the original: where in the model is the memory held back?

What the original's lower layers make of the question goes into the system's upper layers. If the answer comes back,
these still know how to read it, and only the way to it was cut below. Sources: Hong et al. 2024 (arXiv 2410.06606), who
patch activations and restore parameters of unlearned models; causal tracing, Meng et al. 2022 (arXiv 2202.05262).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from benign.audit.attacks import Cost, Found, Ground
from benign.audit.attacks.asking import remembered
from benign.audit.attacks.questions import MOST
from benign.audit.attacks.towards import Share, towards
from benign.errors import NotMeasured
from benign.models.load import Model


@dataclass(frozen=True)
class PatchLayers:
    """Feed the upper layers with what the original's lower ones compute at every place; ask the forgotten questions.

    The attacker must have the original. Running the original's lower layers below the system's upper ones is the same
    as replacing the hidden state at every place after the last of them, where the embeddings are the same.
    """

    cost: ClassVar[Cost] = "fast"
    share: float = 0.5
    """Of the decoder's layers, from below, how many are the original's (rounded down)."""
    most: int | None = MOST
    """Questions asked at most."""

    def __call__(self, ground: Ground) -> Found:
        """Memory of the patched system."""
        count = int(self.share * len(ground.served.model.family.layers_of(ground.served.model.module)))
        below = lowest(ground.served.model, count)
        system = towards(ground.served, ground.original, below, f"patch {count}")
        return Found(system) if isinstance(system, NotMeasured) else remembered(ground, system, self.most)


def lowest(model: Model, count: int) -> Share:
    """1 for the parameters of the first ``count`` decoder layers, else 0."""
    layer = re.compile(rf"{re.escape(model.family.layers)}\.(\d+)\.")

    def share(name: str) -> float:
        found = layer.match(name)
        return float(found is not None and int(found[1]) < count)

    return share
