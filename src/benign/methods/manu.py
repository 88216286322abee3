"""MANU, modality-aware neuron unlearning (Liu et al. 2025, arXiv 2502.15910): training-free pruning."""

from __future__ import annotations

from dataclasses import dataclass

from benign.engine.recipe import Measure, Recipe, Sculpt
from benign.parts.edits.prune_neurons import PruneNeurons
from benign.parts.statistics.activity import Activity


@dataclass(frozen=True)
class MANU:
    """Prune the feed-forward neurons that pictures and text drive apart on the forget set and not on the retained.

    The paper's scores; what is pruned is the neuron's contribution, exactly. Retained records are those at hand.
    """

    share: float = 0.05
    """Which share of a layer's neurons is pruned (paper: 0.02 to 0.1)."""
    layers: int = 3
    """So many last layers of the decoder and of the vision tower (official code: 3)."""
    language: bool = True
    """Whether the decoder is pruned."""
    vision: bool = True
    """Whether the vision tower is."""
    threshold: float = 0.1
    """|activation| above which a neuron counts as firing (official code: 0.1)."""

    def recipe(self) -> Recipe:
        """Four statistics and the edit."""
        activity = Activity(self.layers, self.language, self.vision, self.threshold)
        stages = (
            Measure("forget_image", activity, "forget", route="image"),
            Measure("forget_text", activity, "forget", route="text"),
            Measure("retain_image", activity, "keep", route="image"),
            Measure("retain_text", activity, "keep", route="text"),
        )
        edit = Sculpt("manu", PruneNeurons(self.share), tuple(stage.name for stage in stages))
        return Recipe((*stages, edit))
