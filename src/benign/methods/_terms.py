"""The terms that several methods share."""

from __future__ import annotations

from benign.engine.recipe import Recipe, Term, Train
from benign.errors import UserError
from benign.parts.objectives import Objective
from benign.parts.objectives.cross_entropy import CrossEntropy
from benign.parts.objectives.kl import KLToReference
from benign.parts.targets.refusal import Refusal
from benign.parts.targets.self_answers import SelfAnswers


def forget(objective: Objective, batch: int, weight: float = 1.0) -> Term:
    """The forget set's memory questions with their own answers; its understanding questions belong to evaluation."""
    return Term("forget", objective, on="forget", kinds=("memory",), weight=weight, batch=batch)


def refuse(refusals: tuple[str, ...], batch: int, jitter: int = 0) -> Term:
    """The forget set's memory questions answered with refusals."""
    refusal = Refusal(refusals)
    return Term("forget", CrossEntropy(), "forget", target=refusal, kinds=("memory",), batch=batch, jitter=jitter)


def retain(batch: int, weight: float = 1.0, objective: Objective | None = None) -> Term:
    """What may be trained on to keep (the few retained records where given), with its own answers."""
    return Term("retain", objective or CrossEntropy(), on="keep", batch=batch, weight=weight)


def self_answers(forget_batch: int, strangers_batch: int, weight: float, jitter: int = 0) -> tuple[Term, ...]:
    """The original model's whole distribution, kept on what is visible in the forget pictures and on anything about
    strangers; a term whose batch is 0 is left out."""
    terms = (
        Term("self", KLToReference(), "forget", SelfAnswers(), ("memory",), weight, forget_batch, jitter=jitter),
        Term("strangers", KLToReference(), "strangers", SelfAnswers(), weight=weight, batch=strangers_batch),
    )
    return tuple(term for term in terms if term.batch)


def refuse_weighed(recipe: Recipe, where: str) -> None:
    """Nothing may have weighed the forget set's records before: one weighting would take the place of the other.

    Raises:
        UserError: A term on the forget set has a weighting.
    """
    terms = (term for stage in recipe.stages if isinstance(stage, Train) for term in stage.terms)
    if any(term.weighting for term in terms if term.on == "forget"):
        raise UserError("the method weighs its forget records already", where=where, fix="take one of the two")
