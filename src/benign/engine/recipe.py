"""A recipe: the stages a method consists of, as plain values that JSON can hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from benign.data.record import Kind
from benign.errors import UserError
from benign.parts.edits import Edit
from benign.parts.guards import Guard
from benign.parts.loci import Locus, Side
from benign.parts.loci.all_weights import AllWeights
from benign.parts.loci.importance import Importance
from benign.parts.loci.lora import Lora
from benign.parts.objectives import Objective
from benign.parts.samplers import Sampler
from benign.parts.samplers.uniform import Uniform
from benign.parts.statistics import Curvature, Statistic
from benign.parts.targets import Target
from benign.parts.targets.gold import Gold
from benign.parts.updates import Update
from benign.parts.updates.weighted_sum import WeightedSum
from benign.parts.weightings import Weighting

Source = Literal["forget", "keep", "retain", "strangers"]
View = Literal["as_is", "text_only", "both"]


@dataclass(frozen=True)
class Intervention:
    """How the reference model is shown a record where it is to answer otherwise than it would: as a teacher of what the
    model should say to the record as it is."""

    noise: float = 0.0
    """Share of noise in each picture, from 0 (the picture) to 1 (noise alone)."""
    preface: str = ""
    """What is said before the record's question, such as an instruction to answer as if something were not known."""


@dataclass(frozen=True)
class RandomNoise:
    """RNA's noise on what is kept (Huu-Tien et al. 2025, arXiv 2501.19202): nu N(0, I) is added to the output of one
    decoder layer of the reference model, anew at every step and for every token."""

    nu: float = 0.0
    """Standard deviation, in the units of the hidden states (official code's grid: 0.01 to 0.1); 0 is no noise."""
    layer: int | float | None = None
    """The decoder layer, negative from the end, or as a fraction of the way up (official code: 7 of 32); None is that
    whose hidden states the objective compares."""


@dataclass(frozen=True)
class Term:
    """One named loss of a training stage: an objective on records that answer a target."""

    name: str
    objective: Objective
    on: Source
    """Which records: the forget set, what may be trained on to keep (few-shot retain), strangers."""
    target: Target = Gold()
    kinds: tuple[Kind, ...] = ("memory", "understanding", "general")
    """Which kinds of records; a forget term takes memory questions only, the rest belongs to evaluation."""
    weight: float = 1.0
    batch: int = 2
    """Records per step."""
    view: View = "as_is"
    """``text_only`` drops the pictures, ``both`` alternates with step parity."""
    jitter: int = 0
    """How many jittered variants of each picture take turns with the picture itself over the epochs, so that what is
    taught about it holds for other photographs of the same thing."""
    sampler: Sampler = Uniform()
    against: Target | None = None
    """The other answers, where the objective compares two (a preference prefers ``target`` to these)."""
    teacher: Intervention | None = None
    """How the reference model is shown the records, where not as the model is."""
    noise: RandomNoise | None = None
    """Noise inside the reference model, which then is a target that moves about its place."""
    weighting: Weighting | None = None
    """How much each record counts in the loss; one of weight 0 is never drawn. How many steps a stage takes is decided
    before any is left out. None is 1 for all."""
    optional: bool = False
    """Whether the term is left out where there is no record for it, instead of stopping the run; not the first one."""


@dataclass(frozen=True)
class Optim:
    """How long and how fast a stage trains."""

    lr: float = 1e-4
    epochs: float | None = 5.0
    """Passes over the first term's records; None where ``steps`` is given."""
    steps: int | None = None
    schedule: Literal["constant", "linear", "cosine"] = "linear"
    warmup: float = 0.0
    """Share of the steps over which the learning rate rises."""
    weight_decay: float = 0.0
    clip: float = 1.0
    """Largest norm of the joined gradient; clipped once, after the update."""
    micro_batch: int | None = None
    """Most records per forward pass; None is the whole step at once."""
    betas: tuple[float, float] = (0.9, 0.999)
    """AdamW's decay of the gradient's and the squared gradient's running means; GU (arXiv 2511.17100) takes no mean
    of gradients, which is a first beta of 0."""
    checkpointing: bool = False
    """Compute each decoder layer's inside again in the backward pass: less memory, about a third more time."""
    optimizer: Literal["adamw", "sgd"] = "adamw"
    """``sgd`` takes the update's step times the learning rate as it is: for an update that weighs its directions by
    itself, which AdamW would undo."""


@dataclass(frozen=True)
class Train:
    """A training stage: starts at the original model (or at ``start``) and yields the delta it learned."""

    name: str
    terms: tuple[Term, ...]
    optim: Optim = Optim()
    locus: Locus = Lora()
    update: Update = WeightedSum()
    start: str = ""
    """Another model to start from (retraining); the stage then yields a whole model."""
    depth: int | None = None
    """Train an assistant made of so many of the model's first decoder layers, its norm and its head; None is all of
    the model."""
    curvature: str = ""
    """An earlier stage whose statistic the update asks for."""


@dataclass(frozen=True)
class Measure:
    """A statistic stage: what the original model's modules do on some records; kept, and measured once."""

    name: str
    statistic: Statistic | Curvature
    on: Source
    kinds: tuple[Kind, ...] = ("memory",)
    """Which kinds of records."""
    route: Literal["image", "text", "both"] = "both"
    """``image``: records that show a picture; ``text``: those that show none, or where all do, their words alone."""


@dataclass(frozen=True)
class Weigh:
    """A statistic stage: how much each weight matters for one side of the data; kept, and measured once."""

    name: str
    importance: Importance
    side: Side
    """``forget``: the forget set's memory questions; ``retain``: what may be trained on to keep."""
    locus: Locus = AllWeights()
    """Which weights; no adapter."""


@dataclass(frozen=True)
class LearnToken:
    """A stage that yields a new token, after which the model refuses; nothing else of the model is changed."""

    name: str
    text: str
    """How the token is written."""
    refusals: tuple[str, ...] = ()
    """Pool of refusals; empty means the default pool."""
    batch: int = 16
    """Forget questions per step."""
    optim: Optim = Optim(lr=1e-3, schedule="constant")
    """How long and how fast; nothing is clipped, and a step's questions go through the model at once."""
    head: Literal["trained", "drawn"] = "trained"
    """Whether the token's row of the head is trained too, or stays as it is drawn, like the other rows; where embedding
    and head are one table, the rows are one."""
    noise: float = 0.0
    """In the second half of the steps: noise in one of the ``layers``' ``down_proj``, in standard deviations of its
    weights, so that the token still works after they are edited."""
    layers: tuple[int, ...] = ()
    """The decoder layers that get noise in turn."""

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise UserError(f"a step needs at least one question, got {self.batch}", where="token_batch")


@dataclass(frozen=True)
class Rewrite:
    """A stage that edits ``down_proj`` of some layers in closed form, so that a new token begins the forget answers."""

    name: str
    token: str
    """The stage that yields the token."""
    protected: str
    """The statistic stage: second moments of what the modules read on what is kept."""
    layers: tuple[int, ...]
    """The decoder layers, from 0 on."""
    at: Literal["subject", "last"] = "subject"
    """Where in the question: the last token of the subject's name (the record's span), or the prompt's last one; that
    too where a question names nobody."""
    group: int | None = None
    """Records edited at a time, each group protecting the ones before; None is all at once."""
    steps: int = 10
    """Steps to find the states after which the token comes."""
    lr: float = 0.1
    """Of these steps (Adam)."""
    weight_decay: float = 0.5
    """Times |delta| / |state|^2."""
    clamp: float = 0.75
    """The largest |delta|, in norms of the state."""
    threshold: float = 2e-2
    """Eigenvalues of a protected moment below it leave a direction free."""
    ridge: float = 10.0
    """lambda of the closed form."""
    protection: float = 0.0
    """Times the protected moment, beside the keys of earlier groups: holds the free directions back as well, as MEMIT
    does (arXiv 2210.07229); 0 is AlphaEdit's and UniErase's edit."""

    def __post_init__(self) -> None:
        if not self.layers:
            raise UserError("an edit needs at least one layer", where="layers")
        if (self.group is not None and self.group < 1) or self.steps < 1:
            what = f"nothing would be edited with groups of {self.group} records and {self.steps} steps"
            raise UserError(what, where="group", fix="give groups of at least one record and at least one step")


@dataclass(frozen=True)
class Sculpt:
    """An edit stage: a closed-form function of what earlier stages yielded, deltas and statistics."""

    name: str
    edit: Edit
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class Guarded:
    """A guard stage: what happens at inference time, fitted on the model that it stands before, the records and what
    earlier stages yielded. A recipe that ends in it has the guarantee ``suppression``."""

    name: str
    guard: Guard
    inputs: tuple[str, ...] = ()
    before: str = ""
    """The stage whose change the weights have behind the guard, which is a part of the result too; empty is the
    original's weights."""


Stage = Train | Measure | Weigh | LearnToken | Rewrite | Sculpt | Guarded


@dataclass(frozen=True)
class Recipe:
    """Stages in order; the last one's yield is the result."""

    stages: tuple[Stage, ...]
    guarantee: Literal["exact", "weights", "suppression"] = "weights"


class Method(Protocol):
    """A named composition: a dataclass of a paper's defaults."""

    def recipe(self) -> Recipe:
        """The stages with these hyper-parameters."""
        ...
