"""Membership inference: can the forget set be told from records that no model ever saw?

Sources: Shi et al. 2024 (arXiv 2310.16789) for Min-K; :mod:`benign.audit.metrics.membership` has the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from benign.audit.attacks import Cost, Found, Ground
from benign.audit.attacks.questions import MOST, as_they_are, known_facts
from benign.audit.metrics.membership import Inference, K, membership_auc
from benign.audit.plan import spread
from benign.errors import NotMeasured


@dataclass(frozen=True)
class InferMembership:
    """Tell the forget set from records never seen by how likely their answers are; 0.5 is not at all."""

    cost: ClassVar[Cost] = "fast"
    inference: Inference = "min_k"
    """By what: the loss, the loss over the packed length, or the least likely tokens."""
    k: float = K
    """Share of the least likely tokens that Min-K looks at."""
    most: int | None = MOST
    """Questions of either set at most."""

    def __call__(self, ground: Ground) -> Found:
        """The AUC, 0 to 1. No answer leaks anything, so there is no evidence to show."""
        chosen = []
        for split in ("forget", "holdout"):
            questions = known_facts(ground.data.split(split))
            if not questions:
                return Found(NotMeasured(f"no memory questions in the {split} set"))
            chosen += as_they_are(spread(questions, self.most), split)
        seen = ground.ask(ground.served, chosen)
        forget, holdout = seen.where(split="forget"), seen.where(split="holdout")
        return Found(membership_auc(forget, holdout, inference=self.inference, k=self.k))
