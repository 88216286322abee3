"""Answer rows as numbers."""

from __future__ import annotations

import torch

from benign.data.answers import Answers
from benign.engine.scored import Scored

_ROWS = 256  # at a time, where something of the size [rows, V] is built


def scored(rows: Answers) -> list[Scored]:
    """The answer rows of each record as numbers: what the metrics need of the distribution, and not the distribution.

    A model that has not-a-number logits gives not-a-number here, and a token that is ruled out (-inf) counts nothing.
    """
    means, stds = [], []
    for logits in rows.logits.split(_ROWS):
        logp = torch.log_softmax(logits, dim=-1)
        weight = logp.exp()
        ruled_out = weight == 0
        mean = (weight * logp).masked_fill(ruled_out, 0).sum(-1, keepdim=True)
        # About the mean, where the difference of two squares would lose the digits that Min-K++ divides by.
        variance = (weight * (logp - mean).square()).masked_fill(ruled_out, 0).sum(-1)
        means.append(mean.squeeze(-1))
        stds.append(variance.sqrt())
    greedy = rows.logits.argmax(-1) == rows.labels
    columns = [column.tolist() for column in (rows.logp, torch.cat(means), torch.cat(stds), greedy)]
    found, start = [], 0
    for count in rows.rows_per_record.tolist():
        found.append(Scored(*(tuple(column[start : start + count]) for column in columns)))
        start += count
    return found
