"""A column of the scoreboard as something to watch while a model trains."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benign.audit.columns import COLUMNS
from benign.audit.observe import observe
from benign.audit.plan import plan
from benign.audit.sources import Sources
from benign.data.record import Data
from benign.engine.serve import Served
from benign.engine.watch import Watch
from benign.errors import NotMeasured, UserError, unknown_name
from benign.models.load import Model


def watching(
    column: str, data: Data, *, every: int = 20, patience: int | None = 5, most: int = 50, max_new_tokens: int = 64
) -> Watch:
    """Watch a column over a few records of each split that is given.

    Leave out the splits that the column does not look at: everything given is asked at every look.

    Args:
        column: Its name, such as ``retained_memory`` or ``memory_rouge``. It must need nothing but the model itself.
        data: What is asked.
        every: Steps between two looks.
        patience: Looks without a better number after which training stops; None goes on to the end.
        most: At most so many records per split.
        max_new_tokens: Length limit of an answer.

    Raises:
        UserError: There is no such column.
    """
    known = {found.name: found for found in COLUMNS if found.measure is not None}
    if column not in known:
        raise unknown_name("column", column, known, where="watch")
    chosen, asks = known[column], plan(data, most=most, paraphrases=3)

    def look(model: Model) -> float:
        with tempfile.TemporaryDirectory() as cache:
            observed = observe(Served(model), asks, cache=Path(cache), max_new_tokens=max_new_tokens)
        measure = chosen.measure
        score = NotMeasured("an attack's column") if measure is None else measure(Sources(observed))
        if isinstance(score, NotMeasured):
            raise UserError(f"{column} cannot be watched: {score.reason}", where="watch")
        return score.value

    name = f"{column} of at most {most} records per split of {data.digest}, {max_new_tokens} tokens"
    return Watch(look, name, chosen.better, every, patience)
