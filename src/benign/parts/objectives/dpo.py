"""Direct preference optimisation (Rafailov et al. 2023, arXiv 2305.18290): rather this answer than the other one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch.nn.functional as F
from torch import Tensor

from benign.data.answers import Answers
from benign.parts.objectives import Need


@dataclass(frozen=True)
class DirectPreference:
    """loss = -(2/beta) mean_i log sigmoid(beta (chosen_i - rejected_i)), each a log-ratio to the reference in nats.

    ``answers`` are the chosen answers, ``answers.rival`` the rejected ones. Equals (2/beta) ln 2 at the reference,
    where its gradient is ascent on the rejected and descent on the chosen answers. The factor 2/beta is the one of
    NPO (arXiv 2404.05868) and AltPO (arXiv 2409.13474), so that all three weigh alike; DPO itself has the factor 1.
    """

    beta: float = 0.1
    """Inverse temperature (DPO, IdkDPO of TOFU: 0.1; a peer's class says 1 and its configuration 0.1)."""
    needs_reference: ClassVar[Need] = "labels"
    mean_over: ClassVar[Literal["rows", "records"]] = "records"
    compares: ClassVar[Literal[True]] = True

    def __call__(self, answers: Answers) -> Tensor:
        """The preference loss of the chosen over the rejected answers."""
        if answers.rival is None:
            raise ValueError("DirectPreference needs the rival answers")
        return -(2 / self.beta) * F.logsigmoid(self.beta * (_gap(answers) - _gap(answers.rival))).mean()


def _gap(answers: Answers) -> Tensor:
    """[records] how much likelier each whole answer is than under the reference, in nats."""
    return answers.logp_per_record - answers.reference_logp_per_record
