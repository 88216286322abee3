"""What a system holds inside at the moment before it answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from benign.data.record import Record
from benign.engine.serve import Served, stacked
from benign.models.pack import packed_rows


def states(
    served: Served, records: Sequence[Record], layer: int, progress: Callable[[int, int], None]
) -> NDArray[np.float32]:
    """[records, H] the hidden state after a decoder layer at the last token of each question.

    Args:
        served: The system, its deltas on for the time of the call.
        records: Questions with an expected answer, which the state does not depend on.
        layer: The layer; negative counts from the end.
        progress: Called as (done, total).

    Raises:
        UserError: The model has no such layer.
    """
    found = []
    with torch.no_grad(), stacked(served.model, served.deltas):
        for start in range(0, len(records), served.batch):
            part = records[start : start + served.batch]
            examples = [served.model.encoder.full(record, answer=record.gold) for record in part]
            rows = packed_rows(served.model, examples, hidden_at=layer)
            if rows.hidden is None:
                raise RuntimeError("hidden states were asked for and did not come")
            # The row that predicts a record's first token is the one at the end of its question.
            first = rows.rows_per_record.cumsum(0) - rows.rows_per_record
            found.append(rows.hidden[first].float().cpu().numpy())
            progress(start + len(part), len(records))
    return np.concatenate(found)
