"""Any method with other parts on some of the axes: the method's own recipe, changed there and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import get_type_hints

from benign.engine.draw import needs_original
from benign.engine.recipe import (
    Guarded,
    Method,
    RandomNoise,
    Recipe,
    Rewrite,
    Sculpt,
    Stage,
    Term,
    Train,
    Weigh,
)
from benign.errors import UserError
from benign.models.measured import Measured
from benign.parts.edits import Edit
from benign.parts.guards import Guard
from benign.parts.loci import Locus
from benign.parts.objectives.cross_entropy import CrossEntropy
from benign.parts.objectives.kl import KLToReference
from benign.parts.samplers import Sampler
from benign.parts.targets import Target
from benign.parts.updates import Update
from benign.parts.weightings import Weighting

EDITED, GUARDED = "edit", "guard"
"""The names of the stages that an edit and a guard add."""


@dataclass(frozen=True)
class Composed:
    """A method with the parts given here in place of its own; None leaves an axis as the method has it.

    What a method trains from another model (retraining) stays as it is. Any other method is refused a part that none of
    its stages takes.
    """

    method: Method
    """The method that is changed."""
    locus: Locus | None = None
    """Which weights may move, in every training stage, and which are weighed."""
    update: Update | None = None
    """How the terms' gradients become one step, in every training stage."""
    sampler: Sampler | None = None
    """Which records are drawn, in every term."""
    targets: Target | None = None
    """What the forget set's records answer in the terms that forget."""
    edit: Edit | None = None
    """What is done in closed form to what the method yields; one more stage."""
    noise: RandomNoise = RandomNoise()
    """Noise inside the reference model, in the terms that keep (RNA)."""
    weighting: Weighting | None = None
    """How much each record of the forget set counts, in every term on it; a coreset leaves records out."""
    guard: Guard | None = None
    """What stands before the changed weights at inference time, fitted on them; one more stage."""

    def recipe(self) -> Recipe:
        """The method's recipe with these parts.

        Raises:
            UserError: No stage takes one of the parts; the edit needs statistics or several deltas; the guard needs a
                trained assistant, or the method has a guard; it yields no delta; there is noise and no term that keeps;
                or the method trains on no record of the forget set and they are to be weighed.
        """
        made = self.method.recipe()
        self._refuse_idle(made.stages)
        if self.weighting and not any(term.on == "forget" for term in _terms(made)):
            raise UserError("the method trains on no forget record, so none can be weighed", where="weighting")
        stages = tuple(self._stage(stage) for stage in made.stages)
        if self.noise.nu and not any(term.noise for stage in stages for term in getattr(stage, "terms", ())):
            raise UserError("no term of the method keeps anything, so there is no target for noise", where="noise")
        if self.edit:
            _refuse_misfit(self.edit, stages[-1])
            stages = (*stages, Sculpt(EDITED, self.edit, (stages[-1].name,)))
        if self.guard is None:
            return replace(made, stages=stages)
        _refuse_unguardable(self.guard, stages)
        # What the guard hides is not out of the weights: the system as a whole promises no more than it.
        return Recipe((*stages, Guarded(GUARDED, self.guard, before=stages[-1].name)), guarantee="suppression")

    def _refuse_idle(self, stages: tuple[Stage, ...]) -> None:
        trained = [stage for stage in stages if isinstance(stage, Train)]
        if any(stage.start for stage in trained):
            return
        terms = [term for stage in trained for term in stage.terms]
        takers: dict[str, Sequence[object]] = {
            "locus": [*trained, *(stage for stage in stages if isinstance(stage, Weigh))],
            "update": trained,
            "sampler": terms,
            "targets": [term for term in terms if term.name == "forget"],
        }
        for axis, found in takers.items():
            if getattr(self, axis) is not None and not found:
                what = "no stage of the method takes this: it would change nothing"
                raise UserError(what, where=axis, fix="drop it, or take a method that trains")

    def _stage(self, stage: Stage) -> Stage:
        if isinstance(stage, Weigh):
            return replace(stage, locus=self.locus or stage.locus)
        if not isinstance(stage, Train) or stage.start:
            return stage
        terms = tuple(self._term(term) for term in stage.terms)
        return replace(stage, terms=terms, locus=self.locus or stage.locus, update=self.update or stage.update)

    def _term(self, term: Term) -> Term:
        # What a method answers to the forget set in order to keep something has another name.
        target = self.targets if self.targets and term.name == "forget" else term.target
        weighting = self.weighting if self.weighting and term.on == "forget" else term.weighting
        sampler = self.sampler or term.sampler
        return _noised(replace(term, sampler=sampler, target=target, weighting=weighting), self.noise)


def compose(
    method: Method,
    *,
    locus: Locus | None = None,
    update: Update | None = None,
    sampler: Sampler | None = None,
    targets: Target | None = None,
    edit: Edit | None = None,
    noise: RandomNoise = RandomNoise(),  # noqa: B008  a value
    weighting: Weighting | None = None,
    guard: Guard | None = None,
) -> Composed:
    """The method with these parts in place of its own, such as ``compose(NPO(), update=GradientSurgery())``.

    Raises:
        UserError: A part has no place in the method, the edit or the guard does not fit what the method yields, noise
            finds no term that keeps, or there is no forget record to weigh.
    """
    made = Composed(method, locus, update, sampler, targets, edit, noise, weighting, guard)
    made.recipe()
    return made


def _noised(term: Term, noise: RandomNoise) -> Term:
    """A term that keeps, with noise in what it is kept at.

    One that only repeats the records' own answers has no such target: it keeps the reference model's distribution on
    them instead, as RNA's preference variants do.
    """
    if not noise.nu or term.name == "forget":
        return term
    if needs_original(term.objective):
        return replace(term, noise=noise)
    return replace(term, objective=KLToReference(), noise=noise) if term.objective == CrossEntropy() else term


def _terms(recipe: Recipe) -> Iterator[Term]:
    return (term for stage in recipe.stages if isinstance(stage, Train) and not stage.start for term in stage.terms)


def _refuse_misfit(edit: Edit, last: Stage) -> None:
    kind = type(edit).__name__
    if Measured in get_type_hints(type(edit).__call__).values():
        raise UserError(f"{kind} needs statistics too", where="edit", fix="use the method it belongs to, or a recipe")
    if getattr(edit, "deltas", 1) > 1:
        raise UserError(f"{kind} needs several deltas", where="edit", fix="use the method it belongs to, or a recipe")
    if isinstance(last, Guarded):
        raise UserError("the method yields a guard, and an edit changes a delta", where="edit", fix="drop it")
    if isinstance(last, Train) and last.start:
        raise UserError("the method yields a whole model, and an edit changes a delta", where="edit", fix="drop it")
    if isinstance(last, Rewrite):
        raise UserError("the method's result brings a token, which an edit would lose", where="edit", fix="drop it")


def _refuse_unguardable(guard: Guard, stages: tuple[Stage, ...]) -> None:
    kind, last = type(guard).__name__, stages[-1]
    if any(isinstance(stage, Guarded) for stage in stages):
        raise UserError("the method has a guard already, and a model stands behind one", where="guard", fix="drop it")
    if hasattr(guard, "assistant"):
        fix = "use the method it belongs to, or a recipe"
        raise UserError(f"{kind} needs an assistant that a stage of its own trains", where="guard", fix=fix)
    if isinstance(last, Train) and last.start:
        what = "the method yields a whole model of its own, and a guard stands before a change of the given one"
        raise UserError(what, where="guard", fix="retrain, then filter that model with eco")
