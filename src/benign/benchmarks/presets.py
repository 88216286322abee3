"""Hyper-parameters tuned for the embedded models: the one place where they are written down.

The published defaults are for models of billions of parameters (lr 1e-4, 5 epochs, batch 2); a model of three million
needs larger steps and sees the whole forget set in one batch.
"""

from __future__ import annotations

from dataclasses import replace

from benign.benchmarks.presets_text import APART, FILTERS, REFUSALS, linear
from benign.engine.recipe import Method, Optim
from benign.errors import unknown_name
from benign.methods.benign import Benign
from benign.methods.blur import BLUR
from benign.methods.fila import FILA
from benign.methods.grad_ascent import GradAscent
from benign.methods.grad_diff import GradDiff
from benign.methods.gu import GU
from benign.methods.guard import GUARD
from benign.methods.idk import IDK
from benign.methods.kfade import KFADE
from benign.methods.kl_min import KLMin
from benign.methods.melu import MELU
from benign.methods.meow import MEOW
from benign.methods.mip_editor import MIPEditor
from benign.methods.mllm_eraser import MLLMEraser
from benign.methods.model_tailor import ModelTailor
from benign.methods.mu_coreset import MUCoreset
from benign.methods.npo import NPO
from benign.methods.ofmu import OFMU
from benign.methods.rna import RNA
from benign.methods.smfa import SMFA
from benign.methods.ssd import SSD
from benign.methods.uld import ULD
from benign.methods.vgid import VGID
from benign.methods.vila import VILA
from benign.parts.loci.lora import Lora
from benign.parts.weightings.random_coreset import RandomCoreset

ASCENT = linear(2e-3, 60)
PREFERENCE = linear(1e-3, 100)
REFUSAL = Optim(lr=8e-3, epochs=None, steps=320, schedule="cosine", warmup=0.1)
KEEPING = Optim(lr=5e-3, epochs=None, steps=320, schedule="cosine", warmup=0.1)
SHORT = replace(KEEPING, steps=160)
NEURONS = Optim(lr=5e-3, epochs=None, steps=100, schedule="linear")
LOCUS = Lora(rank=16, alpha=32.0, dropout=0.0)
HELD = NPO(retain_weight=30.0, forget_batch=16, retain_batch=8, optim=replace(PREFERENCE, steps=160), locus=LOCUS)
"""NPO with a retain weight that holds, below what composes with it."""
_SMFA = SMFA(k=3.0, forget_batch=20, retain_batch=12, optim=REFUSAL, anchor=REFUSAL, locus=LOCUS)

BENIGN = Benign(
    refusals=REFUSALS,
    forget_batch=24,
    retain_batch=12,
    self_batch=4,
    strangers_batch=28,
    look_alikes_batch=16,
    keep_weight=1.3,
    stretch=1.06,
    optim=KEEPING,
    locus=LOCUS,
)

EMBEDDED: dict[str, Method] = {
    "benign": BENIGN,
    "grad_ascent": GradAscent(forget_batch=16, optim=ASCENT, locus=LOCUS),
    "grad_diff": GradDiff(forget_batch=16, retain_batch=8, optim=ASCENT, locus=LOCUS),
    "kl_min": KLMin(forget_batch=16, retain_batch=8, optim=ASCENT, locus=LOCUS),
    "npo": NPO(forget_batch=16, retain_batch=8, optim=PREFERENCE, locus=LOCUS),
    "idk": IDK(forget_batch=20, retain_batch=12, optim=REFUSAL, locus=LOCUS),
    "smfa": _SMFA,
    "smfa_self_answers": replace(
        _SMFA,
        k=float("inf"),
        refusals=REFUSALS,
        forget_batch=24,
        retain_batch=6,
        self_batch=8,
        strangers_batch=44,
        self_weight=1.3,
        jitter=15,
        optim=KEEPING,
    ),
    "model_tailor": ModelTailor(
        share=0.2, refusals=REFUSALS, forget_batch=20, retain_batch=12, optim=SHORT, locus=LOCUS
    ),
    "vgid": VGID(forget_batch=16, retain_batch=12, optim=replace(KEEPING, steps=120), locus=LOCUS),
    "eco": FILTERS["eco"],
    "mllm_eraser": MLLMEraser(layers=(0.5,), strength=3.0, lift=6000, ridge=1e-4, budget=2.0),
    "mip_editor": MIPEditor(layer=0.5, preset="code", forget_batch=16, retain_batch=12, optim=NEURONS),
    "ssd": SSD(alpha=8.0, forget_share=0.05),
    "unierase": APART["unierase"],
    "fila": FILA(lora=LOCUS, forget_batch=16, retain_batch=16, optim=linear(3e-4, 60)),
    "vila": VILA(lora=LOCUS, forget_batch=16, retain_batch=16, optim=linear(3e-4, 80)),
    "gu": GU(
        forget_batch=16, retain_batch=8, optim=replace(linear(3e-4, 100), betas=(0.0, 0.999)), locus=LOCUS
    ),
    "blur": BLUR(gamma=0.1, forget_batch=16, retain_batch=8, optim=PREFERENCE, locus=LOCUS),
    "ofmu": OFMU(
        beta=1.0, forget_batch=8, retain_batch=8, locus=LOCUS,
        optim=Optim(lr=2e-3, epochs=None, steps=24, schedule="constant"),
    ),
    "kfade": KFADE(steps=5, budget=2e-6, forget_batch=20),
    "flat": APART["flat"],
    "rna": RNA(HELD, nu=0.3, layer=0.25),
    "meow": MEOW(forget_batch=16, optim=linear(2e-3, 100), locus=LOCUS),
    "guard": GUARD(HELD),
    "mu_coreset": MUCoreset(HELD, RandomCoreset(0.1)),
    "melu": MELU(HELD),
    "uld": ULD(
        depth=2, weight=3.0, forget_batch=16, perturbed_batch=0, retain_batch=12, optim=linear(1e-2, 200), locus=LOCUS
    ),
}  # fmt: skip
"""Rows of a scoreboard by name; ``smfa_self_answers`` is ``smfa`` with the original's own answers beside. The retrained
models ship and have a row of their own. Those that are not in ``MEASURED`` were tuned by a few runs, without a row."""

DEMO = ("grad_ascent", "grad_diff", "npo", "idk", "smfa", "smfa_self_answers")
"""The rows of the demo, cheap ones first."""
MEASURED = ("grad_ascent", "grad_diff", "kl_min", "npo", "idk", "smfa", "smfa_self_answers")
"""The rows of the published table."""


def embedded(name: str) -> Method:
    """The tuned method of that name.

    Raises:
        UserError: There is none.
    """
    if name not in EMBEDDED:
        raise unknown_name("method with an embedded preset", name, EMBEDDED)
    return EMBEDDED[name]
