"""MU-Coreset (Pal et al. 2025, arXiv 2504.10185): any method on a small part of the forget set.

Reconstructed: the paper's body and code could not be read. Its abstract names the shares and the ways to choose; how
many states the gradient norms are averaged over, the clusters and the share of tokens are hyper-parameters of the
weightings, with a replication's defaults.
"""

from __future__ import annotations

from dataclasses import dataclass

from benign.engine.compose import compose
from benign.engine.recipe import Method, Recipe
from benign.methods import _terms
from benign.methods.npo import NPO
from benign.parts.weightings import Weighting
from benign.parts.weightings.random_coreset import RandomCoreset


@dataclass(frozen=True)
class MUCoreset:
    """A method whose terms on the forget set see a coreset of it, for as many steps as they would see all of it.

    The claim is about the benchmarks: where a random twentieth forgets as much as the whole, they ask for little.
    """

    method: Method = NPO()
    """What forgets (the paper's: NPO and RMU)."""
    weighting: Weighting = RandomCoreset(share=0.1)
    """Which records are kept; the same in all terms of a stage, by the first one's measure."""

    def recipe(self) -> Recipe:
        """The method's recipe on the coreset.

        Raises:
            UserError: The method trains on no record of the forget set, or has weights for them already.
        """
        _terms.refuse_weighed(self.method.recipe(), "mu_coreset")
        return compose(self.method, weighting=self.weighting).recipe()
