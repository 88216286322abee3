"""Hyper-parameters tuned for the embedded models: the one place where they are written down.

The published defaults are for models of billions of parameters (lr 1e-4, 5 epochs, batch 2); a model of three million
needs larger steps and sees the whole forget set in one batch.
"""

from __future__ import annotations

from dataclasses import replace

from benign.engine.recipe import Method, Optim
from benign.errors import unknown_name
from benign.methods.grad_ascent import GradAscent
from benign.methods.grad_diff import GradDiff
from benign.methods.idk import IDK
from benign.methods.kl_min import KLMin
from benign.methods.npo import NPO
from benign.methods.retrain import Retrain
from benign.methods.smfa import SMFA

ASCENT = Optim(lr=5e-4, epochs=None, steps=60, schedule="linear", warmup=0.1)
REFUSAL = Optim(lr=2e-3, epochs=None, steps=120, schedule="cosine", warmup=0.1)
KEEPING = Optim(lr=2e-3, epochs=None, steps=240, schedule="cosine", warmup=0.1)

_BATCHES = {"forget_batch": 16, "retain_batch": 8}
_SMFA = SMFA(k=5.0, forget_batch=16, retain_batch=8, optim=REFUSAL, anchor=REFUSAL)

EMBEDDED: dict[str, Method] = {
    "grad_ascent": GradAscent(forget_batch=16, optim=ASCENT),
    "grad_diff": GradDiff(**_BATCHES, optim=ASCENT),  # type: ignore[arg-type]
    "kl_min": KLMin(**_BATCHES, optim=ASCENT),  # type: ignore[arg-type]
    "npo": NPO(**_BATCHES, optim=ASCENT),  # type: ignore[arg-type]
    "idk": IDK(forget_batch=16, retain_batch=8, optim=REFUSAL),
    "smfa": _SMFA,
    "smfa_self_answers": replace(_SMFA, k=20.0, self_batch=8, strangers_batch=24, optim=KEEPING),
    "retrain": Retrain(base="embedded:vlm-base"),
}
"""Rows of a scoreboard by name; ``smfa_self_answers`` is ``smfa`` with the original's own answers beside."""

DEMO = ("grad_ascent", "grad_diff", "kl_min", "npo", "idk", "smfa", "smfa_self_answers")
"""The rows of the demo, cheap ones first."""


def embedded(name: str) -> Method:
    """The tuned method of that name.

    Raises:
        UserError: There is none.
    """
    if name not in EMBEDDED:
        raise unknown_name("method with an embedded preset", name, EMBEDDED)
    return EMBEDDED[name]
