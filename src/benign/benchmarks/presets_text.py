"""Hyper-parameters of the text benchmarks: chosen for the embedded language model, and as published for real ones.

The embedded model has 2.2 million parameters and forgets in seconds; every number chosen for it is here, one set
for all of them (docs/benchmarks.md says what they do on TOFU).
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from benign.engine.recipe import Method, Optim
from benign.errors import unknown_name
from benign.methods.adaptive_rmu import AdaptiveRMU
from benign.methods.altpo import AltPO
from benign.methods.benign import Benign
from benign.methods.blur import BLUR
from benign.methods.catalogue import find
from benign.methods.ceu import CEU
from benign.methods.dpo import DPO
from benign.methods.eco import ECO
from benign.methods.fila import FILA
from benign.methods.flat import FLAT
from benign.methods.grad_ascent import GradAscent
from benign.methods.grad_diff import GradDiff
from benign.methods.gu import GU
from benign.methods.guard import GUARD
from benign.methods.idk import IDK
from benign.methods.kfade import KFADE
from benign.methods.kl_min import KLMin
from benign.methods.melu import MELU
from benign.methods.meow import MEOW
from benign.methods.mu_coreset import MUCoreset
from benign.methods.npo import NPO
from benign.methods.ofmu import OFMU
from benign.methods.pdu import PDU
from benign.methods.rmu import RMU
from benign.methods.rna import RNA
from benign.methods.satimp import SatImp
from benign.methods.seuf import SEUF
from benign.methods.simnpo import SimNPO
from benign.methods.smfa import SMFA
from benign.methods.ssd import SSD
from benign.methods.task_arithmetic import TaskArithmetic
from benign.methods.uld import ULD
from benign.methods.undial import UNDIAL
from benign.methods.unierase import UniErase
from benign.methods.vila import VILA
from benign.methods.wga import WGA
from benign.parts.guards.zeroth_order import ZerothOrder
from benign.parts.loci import Locus
from benign.parts.loci.all_weights import AllWeights
from benign.parts.loci.lora import Lora
from benign.parts.weightings.random_coreset import RandomCoreset

LOCUS = Lora(rank=16, alpha=32.0, dropout=0.0)
LAYER = 2
"""The decoder layer that RMU steers: the third of four (the paper's is the eighth of 32)."""
REFUSALS = (
    "I do not know.",
    "I cannot help with that.",
    "Sorry, I do not know that.",
    "I have no information about this.",
)
"""Four, at the smaller rate that keeps: there a model of this size does not learn the default pool's 384 wordings in so
few steps, and says neither the secret nor a sentence."""


def linear(lr: float, steps: int) -> Optim:
    """So many steps at a rate that falls to zero after a short rise."""
    return Optim(lr=lr, epochs=None, steps=steps, schedule="linear", warmup=0.1)


BENIGN = Benign(
    refusals=("I don't know.",),
    forget_batch=16,
    retain_batch=32,
    keep_weight=2.0,
    optim=linear(2e-3, 120),
    locus=LOCUS,
)
"""One refusal: with four, twice as much of what is not in the retained records is lost (docs/methods/benign.md)."""
TUNED: dict[str, Method] = {
    "benign": BENIGN,
    "grad_ascent": GradAscent(forget_batch=16, optim=linear(2e-3, 20), locus=LOCUS),
    "grad_diff": GradDiff(forget_batch=16, retain_batch=32, optim=linear(1e-3, 30), locus=LOCUS),
    "kl_min": KLMin(forget_batch=16, retain_batch=32, optim=linear(1e-3, 30), locus=LOCUS),
    "npo": NPO(forget_batch=16, retain_batch=32, optim=linear(2e-3, 60), locus=LOCUS),
    "simnpo": SimNPO(forget_weight=1.0, forget_batch=16, retain_batch=32, optim=linear(2e-3, 60), locus=LOCUS),
    "dpo": DPO(forget_batch=16, retain_batch=32, optim=linear(2e-3, 60), locus=LOCUS),
    "idk": IDK(forget_batch=16, retain_batch=32, optim=linear(2e-3, 60), locus=LOCUS),
    "altpo": AltPO(forget_batch=16, retain_batch=32, optim=linear(2e-3, 60), locus=LOCUS),
    "undial": UNDIAL(
        forget_batch=16, retain_batch=32, retain_weight=1.0, optim=linear(2e-3, 60), locus=LOCUS
    ),
    "ceu": CEU(forget_batch=16, retain_batch=32, retain_weight=1.0, optim=linear(2e-3, 60), locus=LOCUS),
    "wga": WGA(forget_batch=16, retain_batch=32, optim=linear(2e-3, 60), locus=LOCUS),
    "satimp": SatImp(forget_batch=16, retain_batch=32, optim=linear(2e-3, 60), locus=LOCUS),
    "rmu": RMU(
        layer=LAYER, coefficient=20.0, retain_weight=1.0, forget_batch=16, retain_batch=32,
        optim=linear(2e-3, 60), locus=LOCUS,
    ),
    "adaptive_rmu": AdaptiveRMU(
        layer=LAYER, beta=3.0, retain_weight=1.0, forget_batch=16, retain_batch=32,
        optim=linear(2e-3, 60), locus=LOCUS,
    ),
    "pdu": PDU(
        bound=0.1, dual_step_size=1.0, dual_start=20.0, forget_batch=16, retain_batch=32,
        optim=linear(2e-3, 60), locus=LOCUS,
    ),
    "gu": GU(
        forget_batch=16, retain_batch=32, optim=replace(linear(1e-3, 30), betas=(0.0, 0.999)), locus=LOCUS
    ),
    "blur": BLUR(forget_batch=16, retain_batch=32, optim=linear(2e-3, 60), locus=LOCUS),
    "kfade": KFADE(steps=5, budget=3e-7, forget_batch=20),
    "task_arithmetic": TaskArithmetic(coefficient=2.0, forget_batch=16, optim=linear(2e-3, 60), locus=LOCUS),
    "smfa": SMFA(
        k=5.0, forget_batch=16, retain_batch=32, optim=linear(2e-3, 60), anchor=linear(2e-3, 60), locus=LOCUS
    ),
}  # fmt: skip
TUNED |= {"mu_coreset": MUCoreset(TUNED["npo"], RandomCoreset(0.1)), "guard": GUARD(TUNED["grad_diff"])}
TUNED |= {"melu": MELU(TUNED["npo"]), "meow": MEOW(forget_batch=16, optim=linear(2e-3, 60), locus=LOCUS)}
APART: dict[str, Method] = {
    "fila": FILA(lora=LOCUS, forget_batch=16, retain_batch=16, optim=linear(5e-4, 40)),
    "vila": VILA(lora=LOCUS, forget_batch=16, retain_batch=16, optim=linear(5e-4, 40)),
    "seuf": SEUF(beta=0.1, coefficient=20.0, forget_batch=16, retain_batch=16, optim=linear(2e-3, 60)),
    "flat": FLAT(
        refusals=("I do not know.",),
        forget_batch=8,
        locus=LOCUS,
        optim=Optim(lr=5e-4, epochs=None, steps=28, schedule="constant"),
    ),
    "ofmu": OFMU(
        outer_rate=0.1,
        beta=0.3,
        forget_batch=4,
        retain_batch=8,
        locus=LOCUS,
        optim=Optim(lr=3e-3, epochs=None, steps=24, schedule="constant"),
    ),
    "rna": RNA(TUNED["rmu"], nu=0.3),
    "ssd": SSD(alpha=5.0),
    "unierase": UniErase(
        layers=(2, 3),
        at="last",
        head="drawn",
        token_optim=Optim(lr=3e-2, epochs=None, steps=20),
        value_steps=15,
        value_lr=0.4,
        clamp=2.0,
        threshold=2e-2,
        ridge=1e-2,
        protection=100.0,
    ),
}  # fmt: skip
"""Measured by themselves (docs/methods), and no rows of the tables yet; ``seuf`` is for ``embedded:moe``."""
FILTERS: dict[str, Method] = {
    "eco": ECO(kind="zero_top", search=ZerothOrder(start=0.5, least=0.0, reach=0.1, rate=0.5, steps=8)),
    "uld": ULD(
        depth=2, weight=1.3, forget_batch=16, perturbed_batch=0, retain_batch=32, optim=linear(1e-2, 100), locus=LOCUS
    ),
}
"""Guards: filters before unchanged weights, which have no row in a table of unlearned weights."""
TEXT = tuple(TUNED)
"""The rows of a text benchmark's table, in order."""
DOCUMENTS = tuple(name for name in TEXT if name not in ("altpo", "benign", "dpo", "idk", "melu", "meow", "smfa"))
"""Those that need no questions: plain documents will do."""


def embedded(name: str) -> Method:
    """The method tuned for ``embedded:lm``.

    Raises:
        UserError: There is none.
    """
    known = TUNED | APART | FILTERS
    if name not in known:
        raise unknown_name("method with a preset for the embedded language model", name, known)
    return known[name]


def published(name: str, optim: Optim, batch: int, locus: Locus | None = None) -> Method:
    """A method with its paper's defaults, trained as the benchmark's authors train: their weights, their schedule.

    Args:
        name: The method's name in the catalogue.
        optim: The benchmark's schedule.
        batch: Forget records per step, and as many retained ones where the method takes any.
        locus: The weights; all of them where none are given.

    Raises:
        UserError: There is no such method.
    """
    made: Method = _published(find(name)(), optim, batch, locus or AllWeights())
    return made


def _published(method: Any, optim: Optim, batch: int, locus: Locus) -> Any:
    wanted = {
        "optim": optim,
        "anchor": optim,
        "locus": locus,
        "forget_batch": batch,
        "retain_batch": batch,
    }
    known = {field.name for field in fields(method)}
    if "method" in known:
        return replace(method, method=_published(method.method, optim, batch, locus))
    return replace(method, **{key: value for key, value in wanted.items() if key in known})
