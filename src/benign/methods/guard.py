"""GUARD, guided unlearning and retention (arXiv 2506.10946): forget gently what pulls along with what is kept.

Reconstructed: the paper's body could not be read. From its abstract: a proxy attribution from gradients says how far a
forget record is aligned with the retained ones, and the record's weight falls with it. How it falls is ours
(:class:`benign.parts.weightings.guard.AttributionWeights`). Not the guard of arXiv 2505.13312, which acts on answers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from benign.engine.recipe import Method, Recipe, Stage, Train
from benign.errors import UserError
from benign.methods.grad_diff import GradDiff
from benign.parts.weightings import Weighting
from benign.parts.weightings.guard import AttributionWeights


@dataclass(frozen=True)
class GUARD:
    """A method with a weight for each record in the term that forgets."""

    method: Method = GradDiff()
    """What forgets (the paper's: gradient ascent and difference, preference optimisation and others)."""
    weighting: Weighting = AttributionWeights()
    """The weights."""

    def recipe(self) -> Recipe:
        """The method's recipe with the weights.

        Raises:
            UserError: No term of the method is called ``forget``.
        """
        made = self.method.recipe()
        stages = tuple(self._weighed(stage) for stage in made.stages)
        if stages == made.stages:
            raise UserError("the method has no term that forgets", where="guard", fix="take another method")
        return replace(made, stages=stages)

    def _weighed(self, stage: Stage) -> Stage:
        if not isinstance(stage, Train):
            return stage
        terms = [replace(t, weighting=self.weighting) if t.name == "forget" else t for t in stage.terms]
        return replace(stage, terms=tuple(terms))
