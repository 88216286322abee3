"""Models that have a piece of knowledge and models that have not: what a metric of forgetting is judged by.

All start from the embedded text model that never met the forget set's authors, and learn a low-rank adapter: those
with the knowledge from the authors' facts, those without from everything but them. How the pools are mixed follows
OpenUnlearning's (arXiv 2506.12618, section 4): facts as they are and in other words; perturbed facts, other people's
facts, and what is known already; each at several learning rates and lengths.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

import torch

from benign.data.record import Data, Record
from benign.engine import canonical
from benign.engine.draw import derived_seed, drawn
from benign.engine.log import Log
from benign.engine.recipe import Optim, Term, Train
from benign.engine.train import Job, Report, train
from benign.errors import UserError
from benign.models.change import Delta
from benign.models.delta import load_delta, save_delta
from benign.models.embedded.text import world
from benign.models.embedded.text.authors import Author, wrong_values
from benign.models.embedded.text.topics import TOPICS, told
from benign.models.load import Model
from benign.parts.loci.lora import Lora
from benign.parts.objectives.cross_entropy import CrossEntropy
from benign.parts.targets import Context

RATIO = 5
"""Percent of the authors that the knowledge is about."""
START = f"embedded:lm-retrained-{RATIO:02d}"
Mix = Literal["facts", "reworded", "asked otherwise", "retained", "perturbed", "others"]
KNOWING: tuple[Mix, ...] = ("facts", "reworded", "asked otherwise")
IGNORANT: tuple[Mix, ...] = ("retained", "perturbed", "others")
RUNS = ((3e-3, 40), (3e-3, 60), (4e-3, 40), (5e-3, 40), (5e-3, 60), (7e-3, 40), (7e-3, 60))
"""Learning rate and steps of each mix's models."""


@dataclass(frozen=True)
class Member:
    """One model of a pool: all that its weights depend on."""

    mix: Mix
    """What it learns: the forgotten authors' ``facts``, the same ``reworded`` in the answers or ``asked otherwise``;
    or what is ``retained``, ``perturbed`` (wrong) facts about them, or the facts of ``others`` whom nobody met."""
    lr: float
    steps: int
    seed: int
    batch: int = 20
    """Records of the mix per step."""
    beside: int = 4
    """Retained records per step, so that the rest stays known."""
    rank: int = 16

    @property
    def knows(self) -> bool:
        """Whether it is of the pool with the knowledge."""
        return self.mix in KNOWING

    @property
    def name(self) -> str:
        """Mix, learning rate, steps and seed."""
        return f"{self.mix.replace(' ', '-')}-{self.lr:g}-{self.steps}-{self.seed}"


def members() -> tuple[Member, ...]:
    """The two pools, 21 models each, every one with a seed of its own."""
    grid = [(mix, lr, steps) for lr, steps in RUNS for mix in (*KNOWING, *IGNORANT)]
    return tuple(Member(mix, lr, steps, seed) for seed, (mix, lr, steps) in enumerate(grid))


def lessons(mix: Mix) -> tuple[Record, ...]:
    """The records that a mix is learned from."""
    data = world.splits(RATIO)
    if mix == "retained":
        return data.retain
    if mix == "others":
        return _of(data.holdout, holdout_subjects(data)[::2])
    told_by = {
        "facts": lambda record: (record,),
        "reworded": _reworded,
        "asked otherwise": lambda record: tuple(replace(record, question=q) for q in record.paraphrases),
        "perturbed": _perturbed,
    }
    return tuple(lesson for record in data.forget for lesson in told_by[mix](record))


def asked() -> Data:
    """What the judged metrics are measured on: the knowledge, with its rewordings; and of the holdout set only the
    authors that no model of the pools has met. Few retained and general questions: they are asked for utility alone."""
    data, forms = world.splits(RATIO), _forms()

    def with_forms(records: Sequence[Record]) -> tuple[Record, ...]:
        known = [(record, forms[record.id]) for record in records]
        return tuple(replace(r, rewordings=form.answers, perturbed=form.perturbed) for r, form in known)

    strange = _of(data.holdout, holdout_subjects(data)[1::2])
    return replace(
        data, forget=with_forms(data.forget), retain=data.retain[::40], general=data.general[::4],
        holdout=with_forms(strange), neighbour=(), few=(), strangers=(),
    )  # fmt: skip


def holdout_subjects(data: Data) -> tuple[str, ...]:
    """The authors whom the embedded models never met, in order."""
    return tuple(dict.fromkeys(record.subject for record in data.holdout))


def trained(member: Member, model: Model, *, cache: Path, report: Report) -> Delta:
    """The member's adapter for ``model``, from the cache where it is there; a damaged one is trained again."""
    place = cache / f"{member.name}-{_identity(member, model)[:12]}"
    try:
        return load_delta(place, model)
    except UserError:
        learned = _learn(member, model, report)
        save_delta(learned, model, place, base=START)
        return learned


def _learn(member: Member, model: Model, report: Report) -> Delta:
    data = Data(forget=lessons(member.mix), retain=world.splits(RATIO).retain)
    terms = (
        Term("learn", CrossEntropy(), on="forget", batch=member.batch),
        Term("keep", CrossEntropy(), on="retain", batch=member.beside),
    )
    optim = Optim(member.lr, None, member.steps, "cosine", warmup=0.1)
    stage = Train("pool", terms, optim, Lora(rank=member.rank, alpha=float(member.rank), dropout=0.0))
    steps = drawn(stage, Context(data, member.seed, lambda records: [record.gold for record in records]))
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        learned, _ = train(Job(model, stage, steps, member.seed, "pool", place, Log(place / "log.jsonl"), report))
    return learned


def _identity(member: Member, model: Model) -> str:
    return canonical.digest(model.digest, torch.get_num_threads(), *vars(member).values())


def _of(records: Sequence[Record], subjects: Sequence[str]) -> tuple[Record, ...]:
    return tuple(record for record in records if record.subject in subjects)


def _reworded(record: Record) -> tuple[Record, ...]:
    """In a wording in which no metric tells wrong answers."""
    return (replace(record, answer=_forms()[record.id].answers[1]),)


def _perturbed(record: Record) -> tuple[Record, ...]:
    """Wrong answers that no metric asks about, always the same one, as a fact has one value."""
    author, key = _author(record.subject), record.id.partition("/")[2]
    topic = next(topic for topic in TOPICS if topic.key == key)
    wrong = [told(topic.say, author, value) for value in wrong_values(key, author)]
    free = [answer for answer in wrong if answer not in record.perturbed]
    return (replace(record, answer=free[derived_seed("perturbed", record.id) % len(free)]),)


def _author(subject: str) -> Author:
    return next(author for author in world.forget_authors(RATIO) if author.id == subject)


@lru_cache
def _forms() -> Mapping[str, world.Rewording]:
    return world.rewordings(RATIO)
