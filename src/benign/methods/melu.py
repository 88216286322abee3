"""MELU, modular entity-level unlearning (arXiv 2509.05316): each forget subject together with its own neighbours.

Reconstructed: of the paper its abstract could be read, and of its code the settings, the losses and six of the seven
schemes; the seventh, the modular one, is there a table of pairs made beforehand. How neighbours are found where the
records do not say, that the types of a unit take turns, and that a step is one subject's, is ours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from benign.engine.recipe import Method, Recipe, Stage, Term, Train
from benign.errors import UserError
from benign.methods.npo import NPO
from benign.parts.samplers.paired import Paired
from benign.parts.samplers.subject_grouped import SubjectGrouped


@dataclass(frozen=True)
class MELU:
    """A method whose retained records are paired with the forget records of the same step.

    Records may say whose neighbours they are by ``neighbour`` (``entity``, ``domain``, ``general``).
    """

    method: Method = NPO()
    """What forgets and keeps (the paper's: gradient difference, DPO with refusals, NPO)."""
    pairing: Paired = Paired()
    """The scheme, and how neighbours are found."""
    grouped: bool = True
    """Whether the modular scheme forgets one subject per step, the whole unit at once."""

    def recipe(self) -> Recipe:
        """The method's recipe with its terms' samplers.

        Raises:
            UserError: No term of the method keeps retained records beside another one.
        """
        made = self.method.recipe()
        stages = tuple(self._stage(stage) for stage in made.stages)
        if not any(isinstance(term.sampler, Paired) for s in stages if isinstance(s, Train) for term in s.terms):
            raise UserError("no term of the method keeps anything, so there is nothing to pair", where="melu",
                            fix="take a method with a retain term")  # fmt: skip
        return replace(made, stages=stages)

    def _stage(self, stage: Stage) -> Stage:
        if not isinstance(stage, Train):
            return stage
        return replace(stage, terms=tuple(self._term(term, number) for number, term in enumerate(stage.terms)))

    def _term(self, term: Term, number: int) -> Term:
        if term.on == "keep" and number:
            return replace(term, sampler=self.pairing)
        units = self.grouped and self.pairing.scheme == "modular" and term.on == "forget" and not number
        return replace(term, sampler=SubjectGrouped()) if units else term
