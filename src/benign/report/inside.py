"""What the diagnostics saw inside the models, as the pictures of a report."""

from __future__ import annotations

import math
from collections.abc import Mapping

from benign.audit.diagnostics import Curve, Diagnosis
from benign.report.page import LayerCurves

_SHOWN = {
    "depth": ("erased", "Gone, by activation patching", "How much of what a layer encodes is gone: 0 % as in the "
              "original, 100 % as in a model that never knew."),
    "lens": ("unlearned", "Readable, by the original's head", "How likely the forgotten words are if the original's "
             "head reads this layer."),
    "cka": ("erased", "Moved, by linear CKA", "How far the states have moved from the original's (0 %) to the "
            "retrained model's (100 %)."),
    "probe": ("unlearned", "Readable, by a linear probe", "How many forgotten answers a probe that learned on other "
              "people reads among the wrong ones."),
}  # fmt: skip
"""Of each diagnostic that looks at layers: the curve that is drawn for every row, its title, and what it means."""


def layer_curves(inside: Mapping[str, Mapping[str, Diagnosis]]) -> tuple[LayerCurves, ...]:
    """One picture per diagnostic that looks at layers, with one line per method, all between 0 and 1.

    Args:
        inside: By method and by the diagnostic's name.
    """
    found = []
    for name, (curve, title, meaning) in _SHOWN.items():
        curves = {method: made[name].layers[curve] for method, made in inside.items() if _has(made, name, curve)}
        if curves:
            lines = {method: _likely(line) if name == "lens" else line for method, line in curves.items()}
            found.append(LayerCurves(name, title, meaning, lines))
    return tuple(found)


def _has(made: Mapping[str, Diagnosis], name: str, curve: str) -> bool:
    return name in made and any(value is not None for value in made[name].layers.get(curve, ()))


def _likely(line: Curve) -> Curve:
    return tuple(None if value is None else math.exp(value) for value in line)
