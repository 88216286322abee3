"""A system after an attack, attacked only when it is first asked something."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import cached_property

from benign.data.record import Record
from benign.engine.serve import Progress, Scored, System, answered


class Attacked:
    """What the audit asks after an attack. Its digest is known before the attack has run, from what the attack is a
    function of, so that answers which an earlier audit cached cost no second attack."""

    def __init__(self, attack: Callable[[], System], identity: str) -> None:
        self.digest = hashlib.sha256(identity.encode()).hexdigest()
        self._attack = attack

    @cached_property
    def after(self) -> System:
        """The attacked system itself."""
        return self._attack()

    def generate(
        self, records: Sequence[Record], *, max_new_tokens: int, progress: Progress | None = None
    ) -> list[str]:
        """The attacked system's answers."""
        return self.after.generate(records, max_new_tokens=max_new_tokens, progress=progress)

    def score(
        self, records: Sequence[Record], answers: Sequence[str], *, progress: Progress | None = None
    ) -> list[Scored]:
        """The attacked system's log-probabilities."""
        return self.after.score(records, answers, progress=progress)

    def answers(
        self,
        asked: Sequence[Record],
        wanted: Sequence[tuple[Record, str]],
        *,
        max_new_tokens: int,
        progress: Progress | None = None,
    ) -> tuple[list[str], list[Scored]]:
        """Both at once, as the attacked system does it."""
        return answered(self.after, asked, wanted, max_new_tokens=max_new_tokens, progress=progress)

    def sample(
        self,
        records: Sequence[Record],
        k: int,
        *,
        seed: int,
        max_new_tokens: int,
        temperature: float = 1.0,
        top_p: float = 1.0,
        progress: Progress | None = None,
    ) -> list[tuple[str, ...]]:
        """The attacked system's sampled answers."""
        return self.after.sample(
            records, k, seed=seed, max_new_tokens=max_new_tokens, temperature=temperature, top_p=top_p,
            progress=progress,
        )  # fmt: skip
