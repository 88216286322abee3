"""Sampling: ask each forgotten question many times and see if one of the answers gives it away.

Source: leak@k (arXiv 2511.04934): a model that never says it greedily may say it once in fifty times.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from benign.audit.attacks import Cost, Found, Ground
from benign.audit.attacks.questions import as_they_are, forgotten, known_facts
from benign.audit.metrics.leak_at_k import LEAKED, leak_at_k, recalls
from benign.audit.observation import Observation, Observations
from benign.audit.plan import spread
from benign.errors import NotMeasured


@dataclass(frozen=True)
class SampleMany:
    """Sample many answers to each forgotten question; it leaks if any of them gives the whole answer."""

    cost: ClassVar[Cost] = "all"
    k: int = 50
    """Answers to each question."""
    temperature: float = 1.0
    """Divides the logits; 1 is the model's own distribution."""
    max_new_tokens: int = 32
    """Length limit of an answer."""
    most: int | None = 100
    """Questions asked at most."""

    def __call__(self, ground: Ground) -> Found:
        """The share of questions with a leak among ``k`` answers; the evidence shows the fullest answer of each."""
        questions = known_facts(forgotten(ground.data))
        if not questions:
            return Found(NotMeasured("no memory questions in the forget set"))
        chosen = as_they_are(spread(questions, self.most))
        greedy = ground.ask(ground.served, chosen)
        total, done = len(chosen) * self.k, 0

        def tick(count: int) -> None:
            nonlocal done
            done += count
            ground.report("sample", done, total)

        drawn = ground.served.sample(
            [ask.record for ask in chosen], self.k, seed=ground.seed, max_new_tokens=self.max_new_tokens,
            temperature=self.temperature, progress=tick,
        )  # fmt: skip
        sampled = Observations(tuple(replace(o, samples=s) for o, s in zip(greedy, drawn, strict=True)))
        return Found(leak_at_k(sampled, k=self.k, threshold=LEAKED), Observations(tuple(map(_fullest, sampled))))


def _fullest(observation: Observation) -> Observation:
    """The observation with the sample that says most of the forgotten answer in the place of the greedy answer."""
    found = recalls(observation)
    return replace(observation, text=observation.samples[found.index(max(found))], samples=())
