"""What the weights tell that answers do not: one file per diagnostic, each found by its file name.

The file's class of the same name (``grad_norm.py``: ``GradNorm``) can be made without arguments; its fields are its
settings. A diagnostic looks into three models at once, so it costs more than asking, and runs only where asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from benign.audit.score import Score
from benign.data.record import Data
from benign.engine.serve import Served
from benign.engine.train import Report
from benign.errors import NotMeasured

Curve = tuple[float | None, ...]
"""One number per decoder layer, from the first to the last; None where a layer has none."""


@dataclass(frozen=True)
class Diagnosis:
    """One number about the unlearned model, and what it is made of layer by layer."""

    score: Score | NotMeasured
    layers: Mapping[str, Curve] = field(default_factory=dict)
    """Curves by name, where the diagnostic looks at layers."""


class Diagnostic(Protocol):
    """One look into the models; they are afterwards as they were."""

    def __call__(
        self, unlearned: Served, original: Served, retrained: Served | None, records: Data, report: Report
    ) -> Diagnosis:
        """Look.

        Args:
            unlearned: The system under audit.
            original: The model before unlearning.
            retrained: The model that never saw the forget set, where there is one.
            records: All splits.
            report: Called as (what, done, total) as work goes on.
        """
        ...
