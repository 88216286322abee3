"""Attacks on a system, each under the same conditions as on the original and the retrained model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import benign
from benign.audit.attack_columns import titled
from benign.audit.attacks import Attack, Found, Ground
from benign.audit.attacks.catalogue import name_of
from benign.audit.chunks import SCHEMA_VERSION
from benign.audit.findings import Finding
from benign.audit.observation import Observations
from benign.audit.observe import observe
from benign.audit.plan import Ask
from benign.data.record import SPLITS, Data
from benign.engine import canonical
from benign.engine.serve import Served, System
from benign.engine.train import Report
from benign.engine.world import world
from benign.errors import NotMeasured, UserError


@dataclass(frozen=True)
class Attacker:
    """What all attacks of an audit share."""

    original: Served
    data: Data
    cache: Path
    """The audit's folder of observations: the attacked systems' answers and the outcomes go there too."""
    max_new_tokens: int
    """Length limit of a generated answer."""
    seed: int
    report: Report

    def __call__(self, name: str, served: Served, attack: Attack) -> Found:
        """Attack a system, or take what an earlier audit found.

        Args:
            name: What progress calls the system.
            served: The system under attack.
            attack: The attempt.
        """
        here = world()
        kept = Finding(self.cache / self._key(served, attack))
        found = kept.read()
        # All processes have looked before any of them writes: they attack together or not at all.
        here.wait()
        if found is not None:
            return found
        found = self._attacked(name, served, attack)
        if here.main:
            kept.write(found)
        return found

    def _attacked(self, name: str, served: Served, attack: Attack) -> Found:
        title = titled(name_of(attack)).lower()

        def report(what: str, done: int, total: int) -> None:
            self.report(f"{what} {name}", done, total)

        def ask(system: System, asks: Sequence[Ask]) -> Observations:
            return observe(
                system,
                asks,
                cache=self.cache,
                max_new_tokens=self.max_new_tokens,
                progress=lambda done, total: report(f"{title}:", done, total),
            )

        try:
            return attack(Ground(served, self.original, self.data, ask, report, self.seed))
        except UserError as error:
            # A system that is too broken to be attacked must not lose the audit of the others.
            return Found(NotMeasured(f"the attack failed: {error.line()}"))

    @cached_property
    def _records(self) -> str:
        return canonical.digest([[record.digest for record in self.data.split(name)] for name in SPLITS])

    def _key(self, served: Served, attack: Attack) -> str:
        asked = (SCHEMA_VERSION, self.max_new_tokens, self.seed, benign.__version__)
        what = (type(attack).__module__, repr(attack))
        return canonical.digest("attack", *what, served.digest, self.original.digest, self._records, *asked)[:32]
