"""What the effect scripts share: three forget sets of the invented authors, and how much a result still says."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import benign
from benign.audit.metrics.rouge import overlap
from benign.data.record import Data, Record
from benign.engine.recipe import Method
from benign.engine.serve import Served
from benign.engine.unlearn import unlearn
from benign.engine.watch import Watch
from benign.models.delta import load_delta
from benign.models.embedded.text import world
from benign.models.load import Model

RESULTS = Path(__file__).parents[2] / "results" / "effects"
Row = Mapping[str, Any]


def authors(seed: int, forget: int = 10, few: int = 18) -> Data:
    """``forget`` of the 200 known authors, drawn by the seed, with few retained ones at hand and general knowledge."""
    all_data = world.splits(1)
    known: dict[str, list[Record]] = {}
    for record in (*all_data.forget, *all_data.retain):
        known.setdefault(record.subject, []).append(record)
    names = [sorted(known)[i] for i in np.random.default_rng((seed, 51)).permutation(len(known))]

    def of(some: Sequence[str]) -> tuple[Record, ...]:
        return tuple(record for name in some for record in known[name])

    return Data(
        forget=of(names[:forget]), retain=of(names[forget:]), few=of(names[forget : forget + few]),
        general=all_data.general, holdout=all_data.holdout,
    )  # fmt: skip


def rouge(served: Served, records: Sequence[Record], tokens: int = 32) -> float:
    """Mean ROUGE-L recall of the greedy answers."""
    said = served.generate(list(records), max_new_tokens=tokens)
    return float(np.mean([overlap(r.gold, text)[1] for r, text in zip(records, said, strict=True)]))


def held(data: Data, count: int = 200) -> tuple[Record, ...]:
    """Retained records that are not at hand, evenly drawn."""
    few = set(data.few)
    rest = [record for record in data.retain if record not in few]
    return tuple(rest[:: max(1, len(rest) // count)][:count])


def kept(served: Served, data: Data) -> dict[str, float]:
    """What is left of the forget set, of other authors and of general knowledge."""
    return {
        "forget": rouge(served, data.forget),
        "retain": rouge(served, held(data, 100)),
        "general": rouge(served, data.general[::3]),
    }


def run(
    model: Model, data: Data, method: Method, folder: Path, seed: int,
    cache: Path | None = None, watch: Watch | None = None,
) -> Row:  # fmt: skip
    """Unlearn, and what it cost; ``served`` is the result as it would be deployed."""
    start = time.perf_counter()
    result = unlearn(model, data, method=method, out=folder, seed=seed, cache=cache, watch=watch)
    seconds = time.perf_counter() - start
    assert result.adapter is not None
    served = Served(model, (load_delta(result.adapter, model),))
    return {"served": served, "seconds": round(seconds, 2), "peak_rss_mb": round(result.peak_rss_mb), "result": result}


def main(name: str, measure: Callable[[int], Iterable[dict[str, Any]]]) -> None:
    """``--seeds N``: measure each seed, print the rows, write them to ``benches/results/effects/NAME.json``.

    ``--first M`` begins with seed M and keeps the rows of the others, so that a long table is made in parts.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=0)
    asked = parser.parse_args()
    file = RESULTS / f"{name}.json"
    RESULTS.mkdir(parents=True, exist_ok=True)
    for seed in range(asked.first, asked.first + asked.seeds):
        known = json.loads(file.read_text())["rows"] if file.exists() else []
        rows = [row for row in known if row["seed"] != seed]
        for row in measure(seed):
            rows.append({"seed": seed, **{k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()}})
            sys.stdout.write(f"{json.dumps(rows[-1])}\n")
            sys.stdout.flush()
            content = {"benign": benign.__version__, "rows": sorted(rows, key=lambda row: row["seed"])}
            file.write_text(json.dumps(content, indent=1) + "\n")
