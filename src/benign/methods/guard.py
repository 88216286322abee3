"""GUARD, guided unlearning and retention (arXiv 2506.10946): forget gently what pulls along with what is kept.

Reconstructed: the paper's body could not be read. From its abstract: a proxy attribution says how far a forget record
is aligned with the retained ones, and the record's weight falls with it; from a reader's notes: a temperature says how
much. How it falls is ours (:class:`benign.parts.weightings.guard.AttributionWeights`). Not the guard of arXiv
2505.13312, which acts on answers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from benign.engine.recipe import Method, Recipe, Stage, Train
from benign.errors import UserError
from benign.methods import _terms
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
            UserError: No term of the method is called ``forget``, or the method has weights already.
        """
        made = self.method.recipe()
        _terms.refuse_weighed(made, "guard")
        terms = [term.name for stage in made.stages if isinstance(stage, Train) for term in stage.terms]
        if "forget" not in terms:
            raise UserError("the method has no term that forgets", where="guard", fix="take another method")
        return replace(made, stages=tuple(self._weighed(stage) for stage in made.stages))

    def _weighed(self, stage: Stage) -> Stage:
        if not isinstance(stage, Train):
            return stage
        terms = [replace(t, weighting=self.weighting) if t.name == "forget" else t for t in stage.terms]
        return replace(stage, terms=tuple(terms))
