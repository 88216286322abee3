"""What the scripts on filters share: forget sets by the seed, a result as it would be deployed, and what it answers."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import benign
from benign.audit.metrics.rouge import overlap
from benign.audit.run import candidates
from benign.audit.views import reworded
from benign.data.record import Data, Record, of_kind
from benign.engine.recipe import Method
from benign.engine.serve import Served
from benign.engine.unlearn import unlearn
from benign.models.embedded import world as people
from benign.models.embedded.text import world as authors
from benign.models.load import Model

RESULTS = Path(__file__).parents[2] / "results" / "effects"
Row = Mapping[str, Any]


def drawn(seed: int, *, pictures: bool = False) -> Data:
    """Ten of the 200 authors, or four of the 80 people, drawn by the seed; at hand are 18 and 7 others, and of general
    knowledge in words every fourth question, which then is not asked."""
    data = people.splits(5) if pictures else authors.splits(1)
    known: dict[str, list[Record]] = {}
    for record in (*data.forget, *data.retain):
        known.setdefault(record.subject, []).append(record)
    names = [sorted(known)[i] for i in np.random.default_rng((seed, 51)).permutation(len(known))]
    count, few = (4, 7) if pictures else (10, 18)

    def of(some: Sequence[str]) -> tuple[Record, ...]:
        return tuple(record for name in some for record in known[name])

    kept = () if pictures else data.general[1::4]
    return replace(
        data, forget=of(names[:count]), retain=(*of(names[count:]), *kept), neighbour=(),
        few=(*of(names[count : count + few]), *kept),
        general=tuple(record for record in data.general if record not in kept),
    )  # fmt: skip


def held(data: Data, kind: str = "memory", count: int = 80) -> tuple[Record, ...]:
    """Retained records that are not among the few, evenly drawn."""
    few = {record.id for record in data.few}
    rest = [record for record in data.retain if record.kind == kind and record.id not in few]
    return tuple(rest[:: max(1, len(rest) // count)][:count])


def rouge(served: Served, records: Sequence[Record]) -> float:
    """Mean ROUGE-L recall of the greedy answers."""
    said = served.generate(list(records), max_new_tokens=32)
    return float(np.mean([overlap(r.gold, text)[1] for r, text in zip(records, said, strict=True)]))


def answers(served: Served, data: Data) -> dict[str, float]:
    """What is said of the forget set, as it is asked and in other words, and of everything else; how many of the
    forgotten answers are given word for word, which no sentence in the right form can hide."""
    gone, seen = of_kind(data.forget, "memory"), of_kind(data.forget, "understanding")
    said = served.generate(list(gone), max_new_tokens=32)
    found = {
        "forget": float(np.mean([overlap(r.gold, text)[1] for r, text in zip(gone, said, strict=True)])),
        "exact": float(np.mean([overlap(r.gold, text)[1] == 1.0 for r, text in zip(gone, said, strict=True)])),
        "reworded": rouge(served, [reworded(r, r.paraphrases[0]) for r in gone if r.paraphrases]),
        "retain": rouge(served, held(data)),
        "general": rouge(served, data.general[::2]),
    }
    if seen:
        found["understanding"] = rouge(served, seen)
    return found


def probability(served: Served, records: Sequence[Record]) -> float:
    """Mean over records of the geometric mean of the right answer's token probabilities."""
    found = served.score(list(records), [record.gold for record in records])
    return float(np.mean([np.exp(np.mean(one.logp)) for one in found]))


def measured(model: Model, data: Data, method: Method, seed: int) -> dict[str, Any]:
    """A result's answers, with what making it cost."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        result = unlearn(model, data, method=method, out=Path(folder) / "run", seed=seed)
        seconds = time.process_time() - start
        served = candidates(model, [result])[0].system
        cost = {"cpu_seconds": seconds, "seconds": result.seconds, "peak_rss_mb": result.peak_rss_mb}
        row: dict[str, Any] = {**answers(served, data), **cost, **detected(served, data)}
        return row | {"probability": probability(served, of_kind(data.forget, "memory")), "facts": result.facts}


def detected(served: Served, data: Data) -> dict[str, float]:
    """Where a filter with a detector fires."""
    gone = of_kind(data.forget, "memory")
    groups = {
        "recall": gone,
        "recall_reworded": [reworded(r, r.paraphrases[0]) for r in gone if r.paraphrases],
        "alarms_retain": held(data),
        "alarms_general": data.general,
        "alarms_understanding": of_kind(data.forget, "understanding"),
    }
    found = {name: served.fired(list(records)) for name, records in groups.items() if records}
    return {name: float(np.mean(on)) for name, on in found.items() if on is not None}


def main(name: str, measure: Callable[[int], Mapping[str, Callable[[], Row]]]) -> None:
    """``--seeds N``: measure what ``measure`` names for each seed, print the rows, write them to
    ``benches/results/effects/NAME.json``; what stands there already is not measured again."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="*", help="these rows and no others")
    options = parser.parse_args()
    place = RESULTS / f"{name}.json"
    rows: list[Row] = json.loads(place.read_text())["rows"] if place.exists() else []
    RESULTS.mkdir(parents=True, exist_ok=True)
    for seed in range(options.seeds):
        for method, run in measure(seed).items():
            measured_before = any((row["seed"], row["method"]) == (seed, method) for row in rows)
            if measured_before or (options.only and method not in options.only):
                continue
            found = {k: round(v, 4) if isinstance(v, float) else v for k, v in run().items()}
            rows.append({"seed": seed, "method": method, **found})
            sys.stdout.write(f"{json.dumps(rows[-1])}\n")
            sys.stdout.flush()
            place.write_text(json.dumps({"benign": benign.__version__, "rows": rows}, indent=1) + "\n")
