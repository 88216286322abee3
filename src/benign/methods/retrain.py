"""Retraining: fine-tune the base model again without the forget set. Exact, slow, the oracle of comparisons."""

from __future__ import annotations

from dataclasses import dataclass

from benign.engine.recipe import Optim, Recipe, Term, Train
from benign.errors import UserError
from benign.parts.loci import Locus
from benign.parts.loci.all_weights import AllWeights
from benign.parts.objectives.cross_entropy import CrossEntropy


@dataclass(frozen=True)
class Retrain:
    """Cross-entropy on the whole retain set from a base model that never saw the forget set."""

    base: str = ""
    """The model from before the fine-tune that taught the forget set: a folder, a hub id or ``embedded:...``."""
    batch: int = 32
    """Records per step."""
    optim: Optim = Optim(lr=1e-3, epochs=20.0, schedule="cosine", warmup=0.02)
    """How long and how fast."""
    locus: Locus = AllWeights()
    """Which weights may move."""

    def recipe(self) -> Recipe:
        """One training stage on the retain set; it yields a whole model.

        Raises:
            UserError: No base model was given.
        """
        if not self.base:
            raise UserError(
                "retraining needs the model from before the fine-tune", where="retrain", fix="--set base=PATH"
            )
        term = Term("retain", CrossEntropy(), on="retain", batch=self.batch)
        return Recipe((Train("retrain", (term,), self.optim, self.locus, start=self.base),), guarantee="exact")
