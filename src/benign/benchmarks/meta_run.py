"""Builds the pools and the unlearned models, attacks them, and measures every metric on all of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch

from benign.audit.attacks.attacked import Attacked
from benign.audit.attacks.relearn import Relearn
from benign.audit.attacks.rounding import rounded
from benign.audit.attacks.tampered import Tampered
from benign.audit.attacks.tuned import Training
from benign.audit.diagnose import Kept
from benign.audit.diagnostic_columns import PREFIX
from benign.audit.diagnostics import Diagnosis, Diagnostic
from benign.audit.diagnostics.catalogue import find
from benign.audit.observation import Observations
from benign.audit.observe import observe
from benign.audit.plan import Ask, plan
from benign.audit.score import ORIGINAL, RETRAINED, Row, Score, Scoreboard
from benign.audit.scoreboard import judge_row, measured_gap
from benign.benchmarks.erasers import CHECKPOINT, Eraser, erased, erasers
from benign.benchmarks.meta import (
    AGAIN,
    POOLS,
    QUANTISED,
    RELEARNINGS,
    REMINDED,
    UNLEARNED,
    Verdict,
    save,
    verdicts,
    without,
)
from benign.benchmarks.pools import RATIO, START, asked, members, trained
from benign.data.record import Data
from benign.engine.place import claimed
from benign.engine.recipe import Method, Optim
from benign.engine.serve import Served, System
from benign.engine.train import Report
from benign.engine.unlearn import unlearn
from benign.errors import NotMeasured
from benign.methods.grad_diff import GradDiff
from benign.methods.idk import IDK
from benign.methods.npo import NPO
from benign.methods.simnpo import SimNPO
from benign.methods.wga import WGA
from benign.models.delta import load_delta
from benign.models.embedded.text import world
from benign.models.load import Model, load
from benign.parts.loci.lora import Lora

ORIGINAL_MODEL = "embedded:lm"
REMIND = Relearn()
"""Teaches two facts of each author. All metrics are measured on the other eight, on which it can only bring back."""
EPOCHS = 2
"""The fewest after which the retrained model answers right on half of what it did not know (six bring back
all of it): one epoch, as published (OpenUnlearning, arXiv 2506.12618), hardly moves a model of this size."""
RELEARN = Relearn(facts=10, steps=5 * EPOCHS, batch=20)
"""All of the forget set's hundred facts."""
ATTACKS = {**{group: (RELEARN, seed) for seed, group in enumerate(RELEARNINGS)}, REMINDED: (REMIND, 0)}
LOCUS = Lora(rank=16, alpha=32.0, dropout=0.0)
MOST = 80
"""Records of a split that are asked at most."""
GROUP = 64
"""Inputs that share a step in four bits, as in QLoRA (arXiv 2305.14314)."""
DIAGNOSTICS = ("depth", "lens", "cka", "grad_norm")
"""What is looked at inside each model; the other two train classifiers of their own."""
OUTSIDE = tuple(f"{group}/" for group in (REMINDED, *RELEARNINGS[1:]))
"""What the names of the models begin with that nobody looks into: one relearning shows what there is to see."""


def unlearners() -> dict[str, Method]:
    """The methods whose results are attacked, each at two learning rates around the one that forgets here."""
    found: dict[str, Method] = {"idk-1": IDK(forget_batch=16, retain_batch=16, optim=_optim(1e-3), locus=LOCUS)}
    for number, faster in enumerate((1.0, 1.15), 1):
        npo, others = _optim(1.1e-3 * faster), (_optim(1.7e-3 * faster), _optim(2.2e-3 * faster))
        found |= {
            f"grad_diff-{number}": GradDiff(8, 24, optim=others[0], locus=LOCUS),
            f"npo-{number}": NPO(forget_batch=8, retain_batch=24, retain_weight=2.0, optim=npo, locus=LOCUS),
            f"simnpo-{number}": SimNPO(
                forget_weight=1.0, forget_batch=8, retain_batch=24, optim=others[1], locus=LOCUS
            ),
            f"wga-{number}": WGA(forget_batch=8, retain_batch=24, optim=others[1], locus=LOCUS),
        }
    return found


def _optim(lr: float) -> Optim:
    return Optim(lr, None, 40, "linear", warmup=0.1)


COMMAND = "benign meta"
PLACE = Path("meta") / "embedded-lm"
"""Where the table is, below the folder of all results."""


def run_meta(out: Path, report: Report) -> tuple[Verdict, ...]:
    """Judge the metrics and write ``meta/embedded-lm/table.json``; a killed run goes on where it stopped.

    Args:
        out: The folder of results. The models and the audit are kept there too, 160 MB of them.
        report: Called as (what, done, total) as long as work goes on.

    Raises:
        UserError: The folder cannot be written, or another process works there.
    """
    place = out / PLACE
    threads = torch.get_num_threads()
    # The last digits of a training depend on their number.
    torch.set_num_threads(1)
    try:
        with claimed(place):
            board = Meta(place, report).scoreboard()
            found, started_over = verdicts(board), tuple(eraser.name for eraser in erasers())
            hiding, erasing = (verdicts(without(board, those)) for those in (started_over, tuple(unlearners())))
            parts = {"hiding": hiding, "erasing": erasing}
            save(found, board, place / "table.json", command=COMMAND, parts=parts)
    finally:
        torch.set_num_threads(threads)
    return found


@dataclass(frozen=True)
class Meta:
    """All the models, in one folder; what is there is not made again."""

    out: Path
    report: Report

    def scoreboard(self) -> Scoreboard:
        """Every metric on every model, each observed and looked into once."""
        data = replace(asked(), forget=REMIND.asked(asked().forget, seed=0))
        asks = plan(data, most=MOST, paraphrases=1, alternatives=("forget",))
        original, retrained = (self._observed(asks, Served(model)) for model in (self.original, self.start))
        systems = [(ORIGINAL, Served(self.original)), (RETRAINED, Served(self.start)), *self._systems()]
        rows: list[Row] = []
        for number, (name, system) in enumerate(systems, 1):
            row = judge_row(name, self._observed(asks, system), original=original, retrained=retrained)
            inside = {} if name.startswith(OUTSIDE) else self._inside(system)
            rows.append(replace(row, metrics={**row.metrics, **inside}))
            self.report("judge", number, len(systems))
        return Scoreboard(ORIGINAL_MODEL, "judges", tuple(rows), measured_gap(original, retrained))

    @cached_property
    def original(self) -> Model:
        """The model that knows everybody."""
        return load(ORIGINAL_MODEL)

    @cached_property
    def start(self) -> Model:
        """The retrained model, which the pools start from."""
        return load(START)

    @cached_property
    def beside(self) -> Model:
        """The original once more: the other one's weights are those of a model in four bits while it is looked into."""
        return load(ORIGINAL_MODEL)

    def _systems(self) -> Iterator[tuple[str, System]]:
        for member in members():
            delta = trained(member, self.start, cache=self.out / "runs" / "pools", report=self.report)
            yield f"{POOLS[not member.knows]}/{member.name}", Served(self.start, (delta,))
        again = Served(load(CHECKPOINT))
        yield AGAIN, again
        for group, (attack, seed) in ATTACKS.items():
            yield f"{group}/{RETRAINED}", self._attacked(attack, Served(self.start), seed)
            yield f"{group}/{AGAIN}", self._attacked(attack, again, seed)
        for eraser in erasers():
            yield from self._under_attack(eraser.name, Served(self._erased(eraser)))
        for name, method in unlearners().items():
            yield from self._under_attack(name, self._unlearned(name, method))

    def _under_attack(self, name: str, served: Served) -> Iterator[tuple[str, System]]:
        yield f"{UNLEARNED}/{name}", served
        for group, (attack, seed) in ATTACKS.items():
            yield f"{group}/{name}", self._attacked(attack, served, seed)
        yield f"{QUANTISED}/{name}", Tampered(served, lambda _, weight: rounded(weight, 4, GROUP), f"int4 {GROUP}")

    def _erased(self, eraser: Eraser) -> Model:
        return erased(eraser, self.original, cache=self.out / "runs" / "erasers", report=self.report)

    def _inside(self, system: System) -> dict[str, Score | NotMeasured]:
        """Every diagnostic's number, made once."""
        # With wrong answers in the right one's own words, by which the tokens that matter are told.
        data = replace(asked(), forget=REMIND.asked(world.splits(RATIO).forget, seed=0))
        found: dict[str, Score | NotMeasured] = {}
        for name in DIAGNOSTICS:
            diagnostic, beside = find(name), (Served(self.beside), Served(self.start))
            digests = [system.digest, *(other.digest for other in beside)]

            def look(diagnostic: Diagnostic = diagnostic, beside: tuple[Served, Served] = beside) -> Diagnosis:
                with opened(system) as served:
                    return diagnostic(served, *beside, data, self.report)

            kept = Kept(self.out / "audits" / "diagnostics", name, diagnostic, digests, data)
            found[f"{PREFIX}{name}"] = kept(look).score
        return found

    def _observed(self, asks: Sequence[Ask], system: System) -> Observations:
        found = observe(system, asks, cache=self.out / "audits" / "observations", max_new_tokens=24)
        # The other rewordings were taught to some models of the pools, right answers alone: likely by their form.
        return Observations(tuple(replace(o, rewordings=o.rewordings[:1]) for o in found))

    def _unlearned(self, name: str, method: Method) -> Served:
        data, place = world.splits(RATIO), self.out / "runs" / "unlearned" / name
        known = Data(forget=data.forget, retain=data.retain)
        result = unlearn(self.original, known, method=method, out=place, name=name, progress=self.report)
        return Served(self.original, (load_delta(result.folder / "adapter", self.original),))

    def _attacked(self, attack: Relearn, served: Served, seed: int) -> System:
        training = Training(attack.steps, attack.batch, attack.optim, attack.locus)

        def after() -> System:
            return training(served, attack.taught(asked().forget, seed=0), seed=seed, report=self.report)

        return Attacked(after, json.dumps([served.digest, repr(attack), seed]))


@contextmanager
def opened(system: System) -> Iterator[Served]:
    """What a system is inside, after an attack too."""
    if isinstance(system, Tampered):
        with system.open() as served:
            yield served
        return
    found = system.after if isinstance(system, Attacked) else system
    if not isinstance(found, Served):
        raise TypeError(f"nobody can look into a {type(found).__name__}")
    yield found
