"""SSD, selective synaptic dampening (Foster et al. 2024, arXiv 2308.07707): no training, one pass over the data."""

from __future__ import annotations

from dataclasses import dataclass

from benign.engine.recipe import Recipe, Sculpt, Weigh
from benign.parts.edits.dampening import Dampening
from benign.parts.loci import Locus
from benign.parts.loci.all_weights import AllWeights
from benign.parts.loci.importance import Importance


@dataclass(frozen=True)
class SSD:
    """Shrinks the weights whose Fisher importance for the forget set is far above that for all the data.

    Importances are kept with the run's statistics: with ``cache=`` a search over alpha measures once. The official
    code's are those of batches of 64; a batch of 1 gives Fisher's diagonal itself.
    """

    alpha: float = 10.0
    """How many times more a weight must matter for the forget set to be dampened (official code: 10 for ResNet18; 5, 10
    and 25 for ViT); the one number to search for."""
    strength: float = 1.0
    """lambda: a dampened weight keeps so many times the ratio of its importances (official code: 1)."""
    share: float | None = None
    """Share of the weights to dampen, in place of alpha."""
    forget_share: float | None = None
    """The forget set's share of all the training data; None counts the records at hand."""
    batch: int = 64
    """Records per gradient, on both sides (official code: 64)."""
    locus: Locus = AllWeights()
    """Which weights may be dampened."""

    def recipe(self) -> Recipe:
        """Two importances and the edit."""
        importance = Importance("batch_fisher", self.batch)
        stages = (Weigh("forget", importance, "forget", self.locus), Weigh("keep", importance, "retain", self.locus))
        edit = Dampening(self.alpha, self.strength, self.share, self.forget_share)
        return Recipe((*stages, Sculpt("ssd", edit, ("forget", "keep"))))
