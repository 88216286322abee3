"""The three overall numbers of S-MLLMUn Bench, each a weighted sum of group means.

Source: arXiv 2511.20196. The definitions of overall memory and overall meaningful are our reading of its tables
(shared/literature/mllm.md, section 1): the official code could not be read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from benign.audit.judges.judge import Judge, verdicts
from benign.audit.metrics.bootstrap import Group, combination
from benign.audit.observation import Observation, Observations
from benign.audit.scope import Scope
from benign.audit.score import Score
from benign.data.record import Kind
from benign.errors import NotMeasured

Mark = Callable[[Observation], float]


def overall_understanding(observations: Observations, judge: Judge) -> Score | NotMeasured:
    """Mean of the fact scores on the forget and the retain set's understanding questions; 0 to 10, higher is better."""
    weights = {_image("forget", "understanding"): 0.5, _image("retain", "understanding"): 0.5}
    return _weighted(observations, weights, judge, partial(_fact, judge))


def overall_memory(observations: Observations, judge: Judge) -> Score | NotMeasured:
    """Fact score on the retain set's memory minus the forget set's, averaged over asking by picture and by name.

    Range -10 to 10, higher is better; without questions by name in both sets it is the difference by picture.
    """
    retain, forget = _text("retain"), _text("forget")
    named = not any(isinstance(scope.pick(observations), NotMeasured) for scope in (retain, forget))
    share = 0.5 if named else 1.0
    weights = {_image("retain", "memory"): share, _image("forget", "memory"): -share}
    if named:
        weights |= {retain: share, forget: -share}
    return _weighted(observations, weights, judge, partial(_fact, judge))


def overall_meaningful(observations: Observations, judge: Judge) -> Score | NotMeasured:
    """Mean over the benchmark's groups of their meaningful scores; 0 to 10, higher is better."""
    scopes = [_image(split, kind) for split in _SETS for kind in _KINDS]
    named = [_text(split) for split in _SETS]
    scopes += [scope for scope in named if not isinstance(scope.pick(observations), NotMeasured)]
    return _weighted(observations, dict.fromkeys(scopes, 1 / len(scopes)), judge, partial(_meaningful, judge))


_SETS = ("forget", "retain")
_KINDS: tuple[Kind, ...] = ("understanding", "memory")


def _image(split: str, kind: Kind) -> Scope:
    return Scope((split,), kind, "image")


def _text(split: str) -> Scope:
    return Scope((split,), "memory", "text")


def _fact(judge: Judge, o: Observation) -> float:
    return judge.fact(o.question, o.gold, o.text)


def _meaningful(judge: Judge, o: Observation) -> float:
    return judge.meaningful(o.question, o.text)


def _weighted(
    observations: Observations, weights: Mapping[Scope, float], judge: Judge, mark: Mark
) -> Score | NotMeasured:
    groups = []
    for scope, weight in weights.items():
        picked = scope.pick(observations)
        if isinstance(picked, NotMeasured):
            return picked
        marks = verdicts(judge, [partial(mark, o) for o in picked])
        # Forget and retain subjects are different people: they are drawn apart, each set at its own size.
        groups.append(Group(weight, tuple(marks), tuple(o.cluster for o in picked), scope.splits[0]))
    return combination(groups)
