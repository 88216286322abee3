"""UniErase's three modes on the embedded text model, beside NPO.

    python benches/experiments/effects/unierase.py --seeds 3

``batch`` and ``sequential`` forget ten authors, ``precise`` ten single questions of ten authors whose other questions
are to stay (``siblings``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from observed import held, kept, rouge, unlearned
from seeds import Jobs, Row, authors, fill

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
    found = authors(seed)
    given = replace(found, few=(), retain=(*found.retain, *found.general[::2]))
    return given, replace(found, few=(), general=found.general[1::2])


def begun(served: Served, asked: Sequence[Record], number: int) -> float:
    """Of how many questions the answer begins with the token."""
    prompts = [LM.encoder.prompt(record) for record in asked]
    rows, ends = torch.arange(len(prompts)), torch.tensor([prompt.labels.shape[1] - 1 for prompt in prompts])
    with torch.no_grad(), stacked(LM, served.deltas):
        logits = gathered(LM, collate(prompts, pad_id=LM.processor.pad_id).inputs, (rows, ends), None)[0]
    return float((logits.argmax(-1) == number).float().mean())


def row(given: Data, seen: Data, method: Any, seed: int, siblings: Sequence[Record] = ()) -> Row:
    """What is left, what it cost, and how often the answers begin with the token (``said``)."""
    with unlearned(LM, given, method, seed) as (served, _, cost):
        found = {**kept(served, seen), **cost}
        sides = {"forget": seen.forget, "retain": held(seen, 200), "general": seen.general}
        for token in served.deltas[0].tokens.values():
            found |= {f"said on {side}": begun(served, asked, token.id) for side, asked in sides.items()}
        return found | ({"siblings": rouge(served, siblings)} if siblings else {})


def jobs(seed: int) -> Jobs:
    """The modes and NPO."""
    given, seen = hand(seed)
    single = given.forget[3::10]
    siblings = tuple(record for record in given.forget if record not in single)
    some, alone = replace(given, forget=single, retain=(*given.retain, *siblings)), replace(seen, forget=single)
    precise = replace(METHOD, mode="precise")
    return {
        "original": partial(kept, Served(LM), seen),
        "unierase batch": partial(row, given, seen, METHOD, seed),
        "unierase sequential": partial(row, given, seen, replace(METHOD, mode="sequential"), seed),
        "unierase precise": partial(row, some, alone, precise, seed, siblings),
        "npo": partial(row, given, seen, presets_text.embedded("npo"), seed),
    }


if __name__ == "__main__":
    fill("unierase", jobs)
