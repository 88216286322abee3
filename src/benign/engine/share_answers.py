"""Questions divided among the processes that share a model: each answers its lots, and all end with every answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from benign.engine.world import World
from benign.models.shard import Shards

_Answer = TypeVar("_Answer")


def shared_out(lots: Sequence[list[int]], shards: Shards | None) -> Iterator[tuple[list[int], int]]:
    """This process' lots, each with how many questions all the processes answer meanwhile.

    The lots are those of one process, so that every answer has the same bits. All processes get equally many, for they
    go through the layers together: where the last round has too few, its last one is answered more than once.

    Args:
        lots: Places of questions that are answered in one call, the same in every process.
        shards: The processes that share the model; None is this one alone.
    """
    rank, size = (shards.rank, shards.size) if shards else (0, 1)
    for start in range(0, len(lots), size):
        row = lots[start : start + size]
        yield row[min(rank, len(row) - 1)], sum(map(len, row))


def everyones(answers: Mapping[int, _Answer], shards: Shards | None) -> list[_Answer]:
    """All answers in the order of their places, from the processes that have them; they must be plain JSON values."""
    if shards is None:
        return [answers[place] for place in sorted(answers)]
    said = World(shards.rank, shards.size).gathered([json.dumps([*one]) for one in answers.items()])
    found = dict(json.loads(one) for part in said for one in part)
    return [found[place] for place in sorted(found)]
