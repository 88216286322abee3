"""The evidence behind an attack's number: the answers that hold what was forgotten, beside every model's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benign.audit.attacks import Found
from benign.audit.observation import Observation
from benign.audit.score import ORIGINAL, RETRAINED
from benign.report.examples import mark
from benign.report.page import Exhibit, Trial

MOST = 6
"""At most so many questions are shown of an attack."""


def trials(attacked: Mapping[str, Mapping[str, Found]]) -> tuple[Trial, ...]:
    """What each attack brought to light.

    Args:
        attacked: By model and by attack, as :class:`benign.audit.run.Audit` has it.
    """
    names = dict.fromkeys(name for found in attacked.values() for name in found)
    made = (_trial(name, {model: found[name] for model, found in attacked.items() if name in found}) for name in names)
    return tuple(trial for trial in made if trial.counts)


def gives_it(observation: Observation) -> bool:
    """Whether the answer holds the forgotten one."""
    return mark(observation.text, observation.gold, wanted=False, unlearned=True) == "leaked"


def _trial(name: str, found: Mapping[str, Found]) -> Trial:
    counts = {
        model: (sum(map(gives_it, outcome.evidence)), len(outcome.evidence))
        for model, outcome in found.items()
        if len(outcome.evidence)
    }
    by_model = {model: {o.key: o for o in outcome.evidence} for model, outcome in found.items()}
    asked = dict.fromkeys(key for answers in by_model.values() for key in answers)
    lines = [{model: answers[key] for model, answers in by_model.items() if key in answers} for key in asked]
    # What leaks from the methods is shown first, and what the retrained model does not say anyway before the rest.
    ranked = sorted(lines, key=_telling, reverse=True)
    return Trial(name, counts, tuple(_exhibit(line) for line in ranked[:MOST] if any(_telling(line))))


def _telling(line: Mapping[str, Observation]) -> tuple[int, bool, bool]:
    said = {model for model, observation in line.items() if gives_it(observation)}
    return len(said - {ORIGINAL, RETRAINED}), bool(said) and RETRAINED not in said, bool(said)


def _exhibit(line: Mapping[str, Observation]) -> Exhibit:
    first = _first(list(line.values()))
    return Exhibit(first.question, first.gold, {model: observation.text for model, observation in line.items()})


def _first(observations: Sequence[Observation]) -> Observation:
    """The one whose question is shown: an attack that adapts to a model may ask each in other words."""
    return next((o for o in observations if gives_it(o)), observations[0])
