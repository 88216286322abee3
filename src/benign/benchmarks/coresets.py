"""The coreset control (MU-Coreset, arXiv 2504.10185): the same method on a random part of the forget set.

Where the part does nearly as well as the whole, a benchmark asks for little, and so does a rank in its table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from benign.benchmarks.experiment import Experiment
from benign.engine.recipe import Method, Train
from benign.methods.mu_coreset import MUCoreset
from benign.parts.weightings.random_coreset import RandomCoreset

CORESET = "_coreset_"
"""Between the method's name and the percent that it sees: ``npo_coreset_05``."""


def with_coresets(experiments: Sequence[Experiment], shares: Sequence[float]) -> tuple[Experiment, ...]:
    """Each experiment, and behind it the same one on random shares of the forget set.

    A method that is not trained on the forget set, or that weighs its records itself, has no such control.

    Args:
        experiments: The experiments.
        shares: Shares of the forget set, above 0 and below 1.
    """
    made: list[Experiment] = []
    for experiment in experiments:
        made.append(experiment)
        if CORESET not in experiment.name and _has_control(experiment.method):
            made += [_on(experiment, share) for share in shares]
    return tuple(made)


def _on(experiment: Experiment, share: float) -> Experiment:
    percent = f"{100 * share:g}".replace(".", "_")
    name = f"{experiment.name}{CORESET}{percent.zfill(2)}"
    return replace(experiment, name=name, method=MUCoreset(experiment.method, RandomCoreset(share)))


def _has_control(method: Method) -> bool:
    stages = [stage for stage in method.recipe().stages if isinstance(stage, Train)]
    terms = [term for stage in stages for term in stage.terms if term.on == "forget"]
    return bool(terms) and not any(term.weighting for term in terms)
