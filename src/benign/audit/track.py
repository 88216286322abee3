"""The scoreboard's numbers beside the steps of the runs that they judge, where a tracker shows those."""

from __future__ import annotations

from benign.audit.run import Audit
from benign.engine.follow import conclude
from benign.engine.track import Tracker


def track_scores(audit: Audit, track: str | Tracker) -> None:
    """Tell a tracker what each audited run scored; what was not measured is left out.

    Args:
        audit: What was found. The original and the retrained model are no runs and are not told.
        track: As for :func:`benign.unlearn`; the same place as for the runs joins their curves and their scores.

    Raises:
        UserError: There is no such tracker, or it cannot be reached.
    """
    for row, candidate in zip(audit.scoreboard.rows, audit.candidates, strict=True):
        if candidate.result is not None:
            values = {name: row.value(name) for name in row.metrics}
            conclude(candidate.result, track, {name: value for name, value in values.items() if value is not None})
