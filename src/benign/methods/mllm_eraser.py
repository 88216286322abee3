"""MLLMEraser (Ding et al. 2025, arXiv 2510.04217; Reconstructed): states of forgotten questions are steered along an
erasure direction, those of retained ones stay. A filter at inference time, without training the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benign.engine.recipe import Guarded, Recipe
from benign.parts.guards import Layer
from benign.parts.guards.steering import Steering


@dataclass(frozen=True)
class MLLMEraser:
    """Fit a direction from knowing to refusing and an input-aware map that is zero on retained states, and steer the
    question's tokens, not the answer's.

    Reconstructed: the steering and the closed form are known from a copy of the official code; the layers and all
    numbers are not, and are fields here. The direction is one of the forgotten questions, with and without what urges a
    refusal; the paper's is one between harmful prompts that are answered, their pictures made adversarial, and refused
    ones.
    """

    layers: tuple[Layer, ...] = (0.3, 0.4, 0.5)
    """The decoder layers after which states are moved (not published)."""
    strength: float | tuple[float, ...] = 1.0
    """How far, after all layers or after each (the official code has one for each; the numbers are not published)."""
    retained: Literal["retain", "keep"] = "retain"
    """Whose states are not to move; ``keep`` takes the few where given."""
    null_share: float = 0.0
    """The share of directions that counts as the null space of the retained states; 0 takes what truly is, at least a
    tenth (AlphaSteer, arXiv 2506.07022: 0.3 to 0.6 by the layer)."""
    ridge: float = 10.0
    """The penalty of the closed form (AlphaSteer's code: 10)."""
    lift: int = 0
    """Random features that are read in the place of a state, where the model is narrower than the retained records are
    many and they leave no null space; 0 reads the state, as published."""
    recall: Literal["as_is", "urged"] = "as_is"
    """The states that the direction points away from: as they are, or urged to give the answer (paper: urged)."""
    refusal: str = "I do not know."
    """What the model is urged to say."""
    budget: float = 0.5
    """How far what enters may be moved to urge it, in its standard deviations (not published)."""
    steps: int = 20
    """Steps of the sign of the gradient (not published)."""

    def recipe(self) -> Recipe:
        """One guard."""
        guard = Steering(
            self.layers, self.strength, self.retained, self.null_share, self.ridge, self.lift, self.recall,
            self.refusal, self.budget, self.steps,
        )  # fmt: skip
        return Recipe((Guarded("mllm_eraser", guard),), guarantee="suppression")
