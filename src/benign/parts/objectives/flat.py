"""FLAT: maximise an f-divergence between a template and the forget answer (Wang et al. 2024, arXiv 2410.11143)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from benign.data.answers import Answers
from benign.parts.objectives import Need

Divergence = Literal[
    "kl", "reverse_kl", "jeffrey", "squared_hellinger", "pearson", "neyman", "jensen_shannon", "total_variation"
]
_LN2 = 0.6931471805599453
_Pair = tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]
_PAIRS: dict[Divergence, _Pair] = {
    "kl": (lambda v: v, lambda v: (v - 1).exp()),
    "reverse_kl": (lambda v: -(-v).exp(), lambda v: v - 1),
    "jeffrey": (lambda v: v, lambda v: v + v**2 / 4 + v**3 / 16),
    "squared_hellinger": (lambda v: -(-v).expm1(), lambda v: v.expm1()),
    "pearson": (lambda v: v, lambda v: v + v**2 / 4),
    "neyman": (lambda v: -(-v).expm1(), lambda v: 2 - 2 * (-v / 2).exp()),
    "jensen_shannon": (lambda v: _LN2 + F.logsigmoid(v), lambda v: F.softplus(v) - _LN2),
    "total_variation": (lambda v: torch.tanh(v) / 2, lambda v: torch.tanh(v) / 2),
}
"""The increasing g onto the conjugate's domain, and f* after g (Nowozin et al. 2016, arXiv 1606.00709); Jeffrey's
conjugate is the cubic approximation that FLAT uses."""


@dataclass(frozen=True)
class FLAT:
    """loss = mean_i [-g(P(chosen_i)) + f*(g(P(rejected_i)))], P the mean probability of an answer's tokens.

    ``answers`` are the template answers, ``answers.rival`` the answers to forget; neither a reference model nor
    retained records are needed. The official code takes the mean of P over prompt, padding and batch before g, which
    is not linear; and its g falls for reverse KL, squared Hellinger and Neyman, which then unlearn the template.
    """

    divergence: Divergence = "total_variation"
    """Which f-divergence (official code: total variation)."""
    needs_reference: ClassVar[Need] = False
    mean_over: ClassVar[Literal["rows", "records"]] = "records"
    compares: ClassVar[Literal[True]] = True

    def __call__(self, answers: Answers) -> Tensor:
        """The negated variational bound of the divergence (no unit)."""
        if answers.rival is None:
            raise ValueError("FLAT needs the rival answers")
        g, conjugate = _PAIRS[self.divergence]
        return (conjugate(_probability(answers.rival)) - g(_probability(answers))).mean()


def _probability(answers: Answers) -> Tensor:
    """[records] the mean probability of each answer's tokens."""
    return answers.per_record(answers.logp.exp()) / answers.rows_per_record
