"""Embedding-corrupted prompts (Liu et al. 2024, arXiv 2406.07933): a classifier recognises forgotten questions, and
what enters the decoder for them is spoilt. A filter at inference time, without training the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benign.engine.recipe import Guarded, Recipe
from benign.parts.guards import Layer
from benign.parts.guards.corrupt_prompt import CorruptPrompt
from benign.parts.guards.corruptions import Kind
from benign.parts.guards.zeroth_order import ZerothOrder


@dataclass(frozen=True)
class ECO:
    """Fit a classifier of questions and search how much corruption makes the forgotten answers as unlikely as wrong
    ones. On everything else the model answers as before, bit for bit."""

    watches: tuple[Layer, ...] = (0.5, 0.75)
    """The decoder layers whose output the classifier looks at, none for the words alone (paper: a RoBERTa of its own,
    on the words)."""
    words: bool = True
    """Whether it also looks for rare words; their list is saved with the guard, and may name the forgotten."""
    threshold: float = 0.5
    """How sure the classifier must be (official code for its RoBERTa: 0.99 and more)."""
    negatives: Literal["retain", "keep"] = "retain"
    """Which retained records the classifier learns from (paper: all; ``keep`` takes the few where given)."""
    kind: Kind = "noise_first"
    """What corruption is (official code: ``noise_first`` on WMDP, ``zero_top`` on TOFU)."""
    dims: int = 1
    """How many entries of a token get noise or a number (official code on WMDP: 1)."""
    strength: float | None = None
    """The noise's standard deviation (official code on WMDP: 1e6), or a number that is added or subtracted, or a share
    of the entries (official code on TOFU, for Llama-2-7B: 0.16 to 0.24); None searches it."""
    goal: float | None = None
    """How likely the forgotten answers may stay; None is as likely as the original finds wrong ones."""
    select: Literal["rare", "all"] = "rare"
    """Which tokens are corrupted: pictures and the tokens that few questions have, or all but the last."""
    search: ZerothOrder = ZerothOrder()
    """How the strength is searched (official code on WMDP)."""

    def recipe(self) -> Recipe:
        """One guard."""
        guard = CorruptPrompt(
            watches=self.watches, words=self.words, threshold=self.threshold, negatives=self.negatives,
            select=self.select, kind=self.kind,
            dims=self.dims, strength=self.strength, goal=self.goal, search=self.search,
        )  # fmt: skip
        return Recipe((Guarded("eco", guard),), guarantee="suppression")
