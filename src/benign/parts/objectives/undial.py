"""UNDIAL: distil from the original model with the answer's logit lowered (Dong et al. 2024, arXiv 2402.10052)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from benign.data.answers import Answers
from benign.parts.objectives import Need


@dataclass(frozen=True)
class AdjustedDistillation:
    """loss = mean over answer positions of CE(t, model) in nats, t = softmax(reference logits - beta at the label).

    Its minimum, at the adjusted distribution, is that distribution's entropy; beta = 0 distils the original model.
    Only answer positions count: a peer averages over prompt and padding too, where it lowers an unrelated token.
    """

    beta: float = 10.0
    """How far the label's logit is lowered (paper: between 3 and 30)."""
    needs_reference: ClassVar[Need] = "rows"
    mean_over: ClassVar[Literal["rows", "records"]] = "rows"

    def __call__(self, answers: Answers) -> Tensor:
        """The cross-entropy to the adjusted reference, averaged."""
        if answers.reference is None:
            raise ValueError("AdjustedDistillation needs the reference's log-probabilities")
        lowered = answers.reference.new_full((len(answers.labels), 1), -self.beta)
        teacher = answers.reference.scatter_add(-1, answers.labels[:, None], lowered).softmax(-1)  # [rows, vocab]
        return -(teacher * answers.log_probabilities).sum(-1).mean()
