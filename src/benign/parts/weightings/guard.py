"""GUARD (arXiv 2506.10946): what pulls along with the retained records is pushed away more gently."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from benign.errors import UserError
from benign.parts.weightings import Evidence


@dataclass(frozen=True)
class AttributionWeights:
    """w_i = n exp(-a_i / temperature) / sum_j exp(-a_j / temperature): mean 1, falling with the attribution a_i.

    a_i is the alignment of the record's gradient with the retained records'. Reconstructed: that the weights fall with
    it is the paper's, the exponential and its temperature are ours.
    """

    temperature: float = 1.0
    """The larger, the more even the weights; infinity is 1 for all. In standard deviations of the attributions, or in
    their own unit where ``scale`` is ``raw``."""
    similarity: Literal["dot", "cosine"] = "dot"
    """Inner product of the gradients, or its cosine, which does not see how strongly a record pulls."""
    scale: Literal["standard", "raw"] = "standard"
    """``standard`` takes the attributions' mean away and divides by their standard deviation first, so that one
    temperature fits all models; ``raw`` takes them as they are."""

    def __call__(self, evidence: Evidence, *, seed: int) -> list[float]:
        """The weights; the seed plays no part."""
        if not self.temperature > 0:
            raise UserError(f"the temperature must be above 0, got {self.temperature}", where="weighting")
        score = evidence.alignment(cosine=self.similarity == "cosine").double()
        if self.scale == "standard":
            spread = score.std(correction=0)
            score = (score - score.mean()) / spread if spread > 0 else torch.zeros_like(score)
        weights: list[float] = (len(score) * torch.softmax(-score / self.temperature, dim=0)).tolist()
        return weights
