"""TIES-Merging (Yadav et al. 2023, arXiv 2306.01708) as an unlearning baseline, as in S-MLLMUn (arXiv 2511.20196)."""

from __future__ import annotations

from dataclasses import dataclass

from benign.engine.recipe import Optim, Recipe, Sculpt, Term, Train
from benign.methods import _terms
from benign.parts.edits.ties import Ties as Merge
from benign.parts.loci import Locus
from benign.parts.loci.lora import Lora
from benign.parts.objectives.cross_entropy import CrossEntropy
from benign.parts.targets.refusal import Refusal


@dataclass(frozen=True)
class TIES:
    """Learn refusals of the forget set and, apart, the retained records; merge the two changes by their common signs.

    Reconstructed: the benchmark names the baseline, not what is merged; these are SMFA's own two changes.
    """

    density: float = 0.2
    """Share of each change's entries that stay (paper: 0.2)."""
    scale: float = 1.0
    """Factor on the merged change (paper: 1 without validation data)."""
    refusals: tuple[str, ...] = ()
    """Pool of refusals; empty means the default pool."""
    forget_batch: int = 2
    """Forget records per step."""
    retain_batch: int = 2
    """Retained records per step."""
    optim: Optim = Optim(lr=1e-4, epochs=5.0)
    """How long and how fast, for both."""
    locus: Locus = Lora()
    """Which weights may move."""

    def recipe(self) -> Recipe:
        """Two training stages and the merge."""
        refuse = Term("forget", CrossEntropy(), "forget", Refusal(self.refusals), ("memory",), batch=self.forget_batch)
        forgot = Train("forgot", (refuse,), self.optim, self.locus)
        kept = Train("kept", (_terms.retain(self.retain_batch, 1.0),), self.optim, self.locus)
        return Recipe((forgot, kept, Sculpt("ties", Merge(self.density, self.scale), ("forgot", "kept"))))
