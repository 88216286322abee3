"""UniErase's three modes on the embedded text model, beside NPO.

    python benches/experiments/effects/unierase.py --seeds 3

``batch`` and ``sequential`` forget ten authors, ``precise`` ten single questions of ten authors whose other questions
are to stay (``siblings``).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import recall
import torch

from benign.benchmarks import presets_text
from benign.data.record import Data, Record
from benign.engine.serve import Served, stacked
from benign.models.collate import collate
from benign.models.forward import gathered
from benign.models.load import load

LM = load("embedded:lm")
METHOD: Any = presets_text.embedded("unierase")


def hand(seed: int) -> tuple[Data, Data]:
    """What the run is given, every retained author and half of the general knowledge; what is looked at."""
    found = recall.authors(seed)
    given = replace(found, few=(), retain=(*found.retain, *found.general[::2]))
    return given, replace(found, few=(), general=found.general[1::2])


def begun(served: Served, asked: Sequence[Record], number: int) -> float:
    """Of how many questions the answer begins with the token."""
    prompts = [LM.encoder.prompt(record) for record in asked]
    rows, ends = torch.arange(len(prompts)), torch.tensor([prompt.labels.shape[1] - 1 for prompt in prompts])
    with torch.no_grad(), stacked(LM, served.deltas):
        logits = gathered(LM, collate(prompts, pad_id=LM.processor.pad_id).inputs, (rows, ends), None)[0]
    return float((logits.argmax(-1) == number).float().mean())


def row(name: str, given: Data, seen: Data, method: Any, seed: int, siblings: tuple[Any, ...] = ()) -> dict[str, Any]:
    """One result's row; ``said`` is how often the answers begin with the token."""
    with tempfile.TemporaryDirectory() as folder:
        done = recall.run(LM, given, method, Path(folder) / "run", seed)
    served = done["served"]
    found = {**recall.kept(served, seen), "seconds": done["seconds"], "peak_rss_mb": done["peak_rss_mb"]}
    for token in served.deltas[0].tokens.values():
        sides = {"forget": seen.forget, "retain": recall.held(seen), "general": seen.general}
        found |= {f"said on {side}": begun(served, asked, token.id) for side, asked in sides.items()}
    if siblings:
        found["siblings"] = recall.rouge(served, siblings)
    return {"method": name, **found}


def measure(seed: int) -> Iterator[dict[str, Any]]:
    """The modes and NPO."""
    given, seen = hand(seed)
    single = given.forget[3::10]
    siblings = tuple(record for record in given.forget if record not in single)
    some, alone = replace(given, forget=single, retain=(*given.retain, *siblings)), replace(seen, forget=single)
    yield {"method": "original", **recall.kept(Served(LM), seen)}
    yield row("unierase batch", given, seen, METHOD, seed)
    yield row("unierase sequential", given, seen, replace(METHOD, mode="sequential"), seed)
    yield row("unierase precise", some, alone, replace(METHOD, mode="precise"), seed, siblings)
    yield row("npo", given, seen, presets_text.embedded("npo"), seed)


if __name__ == "__main__":
    recall.main("unierase", measure)
