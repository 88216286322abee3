"""Unlearning from logit difference (Ji et al. 2024, arXiv 2406.08607): a small assistant remembers what is to be
forgotten, and its logits are subtracted. A filter at inference time: the weights stay as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benign.engine.recipe import Guarded, Optim, Recipe, Term, Train
from benign.errors import UserError
from benign.methods import _terms
from benign.parts.guards.logit_difference import LogitDifference
from benign.parts.loci import Locus
from benign.parts.loci.lora import Lora
from benign.parts.objectives.cross_entropy import CrossEntropy
from benign.parts.objectives.flatten import Flatten
from benign.parts.targets.perturbed import Perturbed


@dataclass(frozen=True)
class ULD:
    """Train the model's first layers to know the forget set and to know nothing of the retained records (a uniform
    distribution), then answer by the difference of the two models.

    The loss is the cross-entropy on the forget set plus ``uniform_weight`` times the mean divergence from uniform over
    wrong answers to the forget questions and retained records together.

    The paper adds two paraphrases of each forget record, and says that they are essential: give them as forget records
    of their own, because a record's ``paraphrases`` are kept for the audit. Its wrong answers are the records' own.
    """

    depth: int = 8
    """Decoder layers of the assistant, the model's first ones (paper: 8 of 32)."""
    weight: float = 0.8
    """How much of the assistant is subtracted (official scripts: 0.8 on TOFU, 0.5 on Harry Potter)."""
    filter: float = 1e-2
    """Tokens less likely than this share of the likeliest one are left as they are."""
    preset: Literal["paper", "code"] = "paper"
    """``paper`` subtracts log-probabilities, ``code`` raw logits; see the guard."""
    forget_batch: int = 32
    """Forget records per step (paper: 32)."""
    perturbed_batch: int = 32
    """Forget questions with wrong answers per step, on which the assistant is to know nothing; 0 leaves them out."""
    retain_batch: int = 32
    """Retained records per step."""
    uniform_weight: float = 5.0
    """beta, the weight of all that keeps the assistant from knowing anything else, wrong answers and retained records
    by their shares of the step (official code: 5)."""
    optim: Optim = Optim(lr=1e-3, epochs=10.0)
    """How long and how fast (paper: AdamW, 1e-3 and 10 epochs on TOFU, 5e-4 and 5 on Harry Potter; official code:
    weight decay 0.01 and a warm-up of a tenth as well)."""
    locus: Locus = Lora(rank=32, alpha=32.0)
    """Which of the assistant's weights may move (paper: rank and alpha 32, on every linear module but the head;
    released configuration: 16 and 32)."""

    def recipe(self) -> Recipe:
        """The assistant's training stage, and the guard.

        Raises:
            UserError: The settings of the loss or the guard are out of their ranges.
        """
        wrong, kept = self.perturbed_batch, self.retain_batch
        if min(wrong, kept) < 0:
            raise UserError(f"no step has {min(wrong, kept)} records", where="retain_batch", fix="0 leaves them out")
        # The paper's is one mean over both; each term is a mean of its own.
        unsure, blank = (self.uniform_weight * batch / max(1, wrong + kept) for batch in (wrong, kept))
        terms = (
            _terms.forget(CrossEntropy(), self.forget_batch),
            *((Term("perturbed", Flatten(), "forget", Perturbed(), ("memory",), unsure, wrong),) if wrong else ()),
            _terms.retain(kept, blank, Flatten()),
        )
        assistant = Train("assistant", terms, self.optim, self.locus, depth=self.depth)
        guard = LogitDifference(self.depth, self.weight, self.filter, self.preset)
        return Recipe((assistant, Guarded("uld", guard, ("assistant",))), guarantee="suppression")
