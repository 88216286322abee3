"""UniErase's three modes on the embedded text model, beside refusal tuning and NPO.

    python benches/experiments/effects/unierase.py --seeds 3

``batch`` and ``sequential`` forget ten authors, ``precise`` ten single questions of ten authors whose other questions
are to stay (``siblings``).
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import recall

from benign.benchmarks import presets_text
from benign.data.record import Data
from benign.engine.serve import Served
from benign.models.load import load

LM = load("embedded:lm")
METHOD: Any = presets_text.embedded("unierase")


def row(name: str, data: Data, method: Any, seed: int, siblings: tuple[Any, ...] = ()) -> dict[str, Any]:
    """One result's row."""
    with tempfile.TemporaryDirectory() as folder:
        done = recall.run(LM, data, method, Path(folder) / "run", seed)
        found = {**recall.kept(done["served"], data), "seconds": done["seconds"], "peak_rss_mb": done["peak_rss_mb"]}
        if siblings:
            found["siblings"] = recall.rouge(done["served"], siblings)
        return {"method": name, **found}


def measure(seed: int) -> list[dict[str, Any]]:
    """The modes and the baselines."""
    data = recall.authors(seed)
    single = data.forget[3::10]
    siblings = tuple(record for record in data.forget if record not in single)
    precise = replace(data, forget=single)
    return [
        {"method": "original", **recall.kept(Served(LM), data)},
        row("unierase batch", data, METHOD, seed),
        row("unierase sequential", data, replace(METHOD, mode="sequential"), seed),
        row("unierase precise", precise, replace(METHOD, mode="precise"), seed, siblings),
        row("idk", data, presets_text.embedded("idk"), seed),
        row("npo", data, presets_text.embedded("npo"), seed),
        row("npo precise", precise, presets_text.embedded("npo"), seed, siblings),
    ]


if __name__ == "__main__":
    recall.main("unierase", measure)
