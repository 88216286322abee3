"""SSD on the embedded text model, the embedded picture model and a small classifier: what a search over alpha finds.

    python benches/experiments/effects/ssd.py --seeds 3

A search takes the smallest alpha that leaves 0.9 of what the original says of others; NPO is beside it for
the time, with the first seed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import recall

from benign.benchmarks import presets, presets_text
from benign.data.record import Data, of_kind
from benign.engine.serve import Served
from benign.errors import UserError
from benign.methods.ssd import SSD
from benign.models.embedded.world import splits
from benign.models.load import Model, load

ALPHAS = (10.0, 7.0, 5.0, 4.0, 3.0, 2.5, 2.0, 1.5)
FLOOR = 0.9
LM, VLM = load("embedded:lm"), load("embedded:vlm")
Look = Callable[[Served, Data], dict[str, float]]


def pictures(seed: int) -> Data:
    """Two of the embedded people, others by the seed; every retained record is at hand."""
    data = splits(5)
    people = sorted({record.subject for record in (*data.forget, *data.retain)})
    gone = set(people[2 * seed : 2 * seed + 2])
    known = (*data.forget, *data.retain)
    return replace(
        data, few=(), forget=tuple(r for r in known if r.subject in gone),
        retain=tuple(r for r in known if r.subject not in gone),
    )  # fmt: skip


def seen(served: Served, data: Data) -> dict[str, float]:
    """What is left of the forgotten people's facts, of what their pictures show, and of other people."""
    retain = of_kind(data.retain, "memory")
    return {
        "forget": recall.rouge(served, of_kind(data.forget, "memory")),
        "understanding": recall.rouge(served, of_kind(data.forget, "understanding")),
        "retain": recall.rouge(served, retain[:: max(1, len(retain) // 150)]),
    }


def searched(model: Model, data: Data, look: Look, seed: int, **settings: Any) -> list[dict[str, Any]]:
    """Every alpha from one measurement; the chosen one is marked."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for alpha in ALPHAS:
            out = Path(folder)
            try:
                done = recall.run(model, data, SSD(alpha=alpha, **settings), out / str(alpha), seed, out / "cache")
            except UserError as refused:
                rows.append({"method": "ssd", "alpha": alpha, "refused": refused.what})
                continue
            facts = done["result"].facts["ssd"].values()
            cost = {key: done[key] for key in ("seconds", "peak_rss_mb")}
            rows.append({"method": "ssd", "alpha": alpha, **look(done["served"], data), **cost, "tensors": len(facts)})
    return rows


def marked(rows: list[dict[str, Any]], original: dict[str, float]) -> list[dict[str, Any]]:
    """The search's choice: the smallest alpha that keeps enough."""
    good = [row for row in rows if row.get("retain", 0.0) >= FLOOR * original["retain"]]
    return [{**row, "chosen": bool(good) and row is good[-1]} for row in rows]


def one(model: Model, data: Data, look: Look, name: str, seed: int, npo: Any) -> list[dict[str, Any]]:
    """The original and the search on one model; with the first seed NPO too."""
    original = look(Served(model), data)
    rows = marked(searched(model, data, look, seed), original)
    if seed:
        return [{"model": name, **row} for row in ({"method": "original", **original}, *rows)]
    with tempfile.TemporaryDirectory() as folder:
        done = recall.run(model, data, npo, Path(folder) / "npo", seed)
        cost = {key: done[key] for key in ("seconds", "peak_rss_mb")}
        beside = {"method": "npo", **look(done["served"], data), **cost}
    return [{"model": name, **row} for row in ({"method": "original", **original}, *rows, beside)]


def measure(seed: int) -> Iterator[dict[str, Any]]:
    """Both models with the seed's forget sets."""
    text = replace(recall.authors(seed), few=())
    yield from one(LM, text, recall.kept, "embedded:lm", seed, presets_text.embedded("npo"))
    yield from one(VLM, pictures(seed), seen, "embedded:vlm", seed, presets.embedded("npo"))


if __name__ == "__main__":
    recall.main("ssd", measure)
