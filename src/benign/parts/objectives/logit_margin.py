"""Logit-margin flattening: no token may stand out (PDU, Entesari et al. 2025, arXiv 2506.05314)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from benign.data.answers import Answers
from benign.parts.objectives import Need


@dataclass(frozen=True)
class LogitMargin:
    """loss = mean over answer positions of (largest logit - mean logit)^2, in squared logits; 0 at constant logits.

    It does not look at the labels. A peer takes the positions of the labels themselves, one after the predictions.
    """

    needs_reference: ClassVar[Need] = False
    mean_over: ClassVar[Literal["rows", "records"]] = "rows"

    def __call__(self, answers: Answers) -> Tensor:
        """The squared margin of the favourite token, averaged."""
        return (answers.logits.amax(-1) - answers.logits.mean(-1)).square().mean()
