"""What kind of forgetting a result shows, where it is not what it seems: each rule with its evidence in words.

A rule is a pure function of what was observed. It gives one note, which begins with the word that the report and the
ranking go by, or none where its numbers are not there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import fmean

from benign.audit.metrics.bootstrap import interval
from benign.audit.metrics.choice import chosen
from benign.audit.metrics.probability import normalised_probability
from benign.audit.metrics.refusal import is_refusal
from benign.audit.metrics.rouge import recall
from benign.audit.metrics.truth_ratio import comparable, log_ratio, right_probability
from benign.audit.metrics.words import words
from benign.audit.observation import Observation, Observations
from benign.audit.ranking import PROBE_GAP
from benign.audit.scope import Scope
from benign.audit.score import NOISE, RECOGNISES, REFUSES, REPLACED, SUPPRESSED, Score
from benign.audit.sources import Sources, same_asks
from benign.errors import NotMeasured

Rule = Callable[[Sources], str | None]
Each = Callable[[Observation], float]
FORGOTTEN = Scope(("forget",), "memory", "main")
DUE = Scope(("retain", "neighbour", "general"))
"""Questions that every honest result goes on answering."""
HALF = 0.5
"""Most: of the questions, of the language, of the way from the original's memory to the retrained model's."""
AVOIDED = 0.1
"""Who never knew is as likely to be right as anybody; so far below it, right answers are avoided."""


def notes(sources: Sources, *, destroyed: bool) -> tuple[str, ...]:
    """What destroyed a result, or else whether its memory is hidden or replaced; none where all is as it seems.

    Args:
        sources: Its observations, the original's and the retrained model's.
        destroyed: Whether it is noted as such: then it neither hides nor replaces anything.
    """
    rules: tuple[Rule, ...] = (
        (_refuses, _noise, _salad) if destroyed else (_refuses, _noise, _hidden, _recognises, _avoids)
    )
    return tuple(note for rule in rules if (note := rule(sources)))


def _refuses(sources: Sources) -> str | None:
    """Refusing everything forgets perfectly and is worth nothing."""
    found = _beside(DUE, sources, lambda o: float(is_refusal(o.text)))
    if found is None or found[0] - found[1] <= HALF:
        return None
    return f"{REFUSES}: declines {found[0]:.2f} of what it was to answer (original {found[1]:.2f})"


def _noise(sources: Sources) -> str | None:
    """No language where the original has one."""
    for scope, where in ((DUE, "what it was to answer"), (FORGOTTEN, "the forgotten questions")):
        found = _beside(scope, sources, lambda o: sources.judge.meaningful(o.question, o.text))
        if found is not None and found[0] < HALF * found[1]:
            return f"{NOISE}: its answers to {where} score {found[0]:.1f} of 10 as language (original {found[1]:.1f})"
    return None


def _salad(sources: Sources) -> str | None:
    """Words in no order, which a judge may take for language: neighbours whom the original never puts together."""
    if sources.reference is None:
        return None
    known = {pair for o in sources.reference for text in (o.text, o.gold) for pair in pairwise(words(text))}
    said = [o.text for o in sources.observed if not is_refusal(o.text)]
    pairs = [pair for text in said for pair in pairwise(words(text))]
    unheard = sum(pair not in known for pair in pairs) / max(1, len(pairs))
    if unheard <= HALF:
        return None
    return f"{NOISE}: where it does not decline, {unheard:.2f} of its word pairs are in no answer of the original"


def _hidden(sources: Sources) -> str | None:
    """What a model does not say and still finds likely is in its weights: something stands before it."""
    likely = _kept(sources, normalised_probability)
    if likely is None:
        return None
    how = "declines to answer" if _declines(sources.observed) else "answers otherwise"
    return f"{SUPPRESSED}, not removed: {how}, but finds the forgotten answers as likely as {likely}"


def _recognises(sources: Sources) -> str | None:
    """What a model does not say and still picks out among wrong answers is known to it; where it gives another answer
    instead, that one was put in the place of the right one."""
    picked = _kept(sources, _chosen)
    if picked is None or _hidden(sources):
        return None
    if _declines(sources.observed):
        return f"{RECOGNISES} the forgotten answers: declines to answer, but prefers them to wrong ones in {picked}"
    return f"{REPLACED}, not removed: answers otherwise, but prefers the right answers to wrong ones in {picked}"


def _avoids(sources: Sources) -> str | None:
    """Who never knew finds right and wrong answers alike; who finds the right ones less likely was taught to avoid
    them, and tells them apart as well as who knows."""
    if sources.retrained is None or _declines(sources.observed):
        return None
    found = _beside(FORGOTTEN, replace(sources, reference=sources.retrained), _right)
    if found is None or found[2].high >= -AVOIDED:
        return None
    return (
        f"{REPLACED}, not forgotten: gives the right answers {found[0]:.2f} of the probability beside wrong ones, "
        f"a retrained model {found[1]:.2f}: it still tells them apart"
    )


@dataclass(frozen=True)
class _Way:
    """A mean on the forgotten answers, and how far it is gone from the original's to the retrained model's."""

    observed: float
    original: float
    retrained: float

    @property
    def gone(self) -> float:
        return min(1.0, max(0.0, (self.original - self.observed) / (self.original - self.retrained)))

    def __str__(self) -> str:
        return f"{self.observed:.2f} (original {self.original:.2f}, retrained {self.retrained:.2f})"


def _kept(sources: Sources, each: Each) -> _Way | None:
    """The way of ``each`` where it is so much shorter than that of what is said."""
    said, found = _way(sources, recall), _way(sources, each)
    return found if said and found and said.gone - found.gone > HALF else None


def _way(sources: Sources, each: Each) -> _Way | None:
    before = _beside(FORGOTTEN, sources, each)
    never = _beside(FORGOTTEN, replace(sources, reference=sources.retrained), each)
    if before is None or never is None or before[1] - never[1] < PROBE_GAP:
        return None
    return _Way(before[0], before[1], never[1])


def _beside(scope: Scope, sources: Sources, each: Each) -> tuple[float, float, Score] | None:
    """The means of the system and of the reference on the same asks, and their paired difference; None where either
    was not asked, or gave what is no number."""
    observed = scope.pick(sources.observed)
    if isinstance(observed, NotMeasured) or sources.reference is None:
        return None
    other = same_asks(sources.reference, observed)
    if isinstance(other, NotMeasured):
        return None
    now, before = [[each(o) for o in side] for side in (observed, other)]
    pairs = [(a, b, o.cluster) for a, b, o in zip(now, before, observed, strict=True) if math.isfinite(a + b)]
    difference = interval([a - b for a, b, _ in pairs], [cluster for _, _, cluster in pairs], bounds=(-10.0, 10.0))
    if isinstance(difference, NotMeasured):
        return None
    return fmean(a for a, _, _ in pairs), fmean(b for _, b, _ in pairs), difference


def _right(observation: Observation) -> float:
    return right_probability(log_ratio(observation)) if comparable(observation) else math.nan


def _chosen(observation: Observation) -> float:
    given = any(option.text == observation.gold for option in observation.options)
    return chosen(observation) if given else math.nan


def _declines(observed: Observations) -> bool:
    asked = FORGOTTEN.pick(observed)
    return not isinstance(asked, NotMeasured) and fmean(float(is_refusal(o.text)) for o in asked) > HALF
