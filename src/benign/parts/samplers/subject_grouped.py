"""One subject at a time: the records of a step are about the same subject (the unit of MELU, arXiv 2509.05316)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from benign.parts.samplers import Candidates, Draw
from benign.parts.samplers.shuffle import permutation


@dataclass(frozen=True)
class SubjectGrouped:
    """Each subject's records, in the order of the file, are cut into steps of at most ``batch``; the order of all steps
    is shuffled anew each epoch. Records without a subject are together."""

    def __call__(self, candidates: Candidates, batch: int, *, seed: int, step: int) -> list[Draw]:
        """The draws of one step, of one epoch."""
        steps = _steps(tuple(record.subject for record in candidates.records), batch)
        epoch, place = divmod(step, len(steps))
        return [Draw(found, epoch) for found in steps[permutation(len(steps), seed, epoch)[place]]]

    def epoch_steps(self, candidates: Candidates, batch: int) -> Fraction:
        """How many steps the subjects make."""
        return Fraction(len(_steps(tuple(record.subject for record in candidates.records), batch)))


@lru_cache(maxsize=16)
def _steps(subjects: tuple[str, ...], batch: int) -> tuple[tuple[int, ...], ...]:
    groups: dict[str, list[int]] = {}
    for place, subject in enumerate(subjects):
        groups.setdefault(subject, []).append(place)
    cut = [group[start : start + batch] for group in groups.values() for start in range(0, len(group), batch)]
    return tuple(map(tuple, cut))
