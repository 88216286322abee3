"""UniErase's three modes on the embedded text model, beside NPO.

    python benches/experiments/effects/unierase.py --seeds 3

``batch`` and ``sequential`` forget ten authors, ``precise`` ten single questions of ten authors whose other questions
are to stay (``siblings``). ``refusing`` is the same model after it learned to refuse what is asked about strangers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from observed import Seen, held, kept, rouge, said, unlearned, verbatim
from seeds import Jobs, Row, authors, fill
from taught import REFUSAL, refusing

from benign.benchmarks import presets_text
from benign.data.record import Data, Record
from benign.engine.serve import Served, stacked
from benign.models.collate import collate
from benign.models.forward import gathered
from benign.models.load import Model, load

LM = load("embedded:lm")
SHY = refusing()


def hand(seed: int) -> tuple[Data, Data]:
    """What the run is given, every retained author and half of the general knowledge; what is looked at."""
    found = authors(seed)
    given = replace(found, few=(), retain=(*found.retain, *found.general[::2]))
    return given, replace(found, few=(), general=found.general[1::2])


def begun(served: Served, asked: Sequence[Record], number: int) -> float:
    """Of how many questions the answer begins with the token."""
    model = served.model
    prompts = [model.encoder.prompt(record) for record in asked]
    rows, ends = torch.arange(len(prompts)), torch.tensor([prompt.labels.shape[1] - 1 for prompt in prompts])
    with torch.no_grad(), stacked(model, served.deltas):
        logits = gathered(model, collate(prompts, pad_id=model.processor.pad_id).inputs, (rows, ends), None)[0]
    return float((logits.argmax(-1) == number).float().mean())


def refused(texts: Sequence[str]) -> float:
    """How many answers begin with the refusal, or with what is left of it."""
    return float(np.mean([text.lower().lstrip(" .").startswith(("i do not know", "do not know")) for text in texts]))


def looked(served: Served, seen: Data, siblings: Sequence[Record] = ()) -> Seen:
    """What is left, how often answers begin with the token (``said``) and with a refusal, and how many are the right
    ones and nothing more (``right``), which the recall of their words does not tell."""
    found = kept(served, seen)
    sides = {"forget": seen.forget, "retain": held(seen, 200), "general": seen.general}
    for side, asked in sides.items():
        found |= {
            f"said on {side}": begun(served, asked, token.id) for d in served.deltas for token in d.tokens.values()
        }
        texts = said(served, asked)
        found |= {f"refused on {side}": refused(texts), f"right on {side}": verbatim(asked, texts)}
    return found | ({"siblings": rouge(served, siblings)} if siblings else {})


def row(model: Model, given: Data, seen: Data, method: Any, seed: int, siblings: Sequence[Record] = ()) -> Row:
    """What is seen, and what it cost."""
    with unlearned(model, given, method, seed) as (served, _, cost):
        return {**looked(served, seen, siblings), **cost}


def jobs(seed: int) -> Jobs:
    """The modes and NPO; two modes on a model that has learned to refuse."""
    given, seen = hand(seed)
    single = given.forget[3::10]
    siblings = tuple(record for record in given.forget if record not in single)
    some, alone = replace(given, forget=single, retain=(*given.retain, *siblings)), replace(seen, forget=single)
    found: dict[str, Any] = {"npo": partial(row, LM, given, seen, presets_text.embedded("npo"), seed)}
    batch: Any = presets_text.embedded("unierase")
    for world, model, method in (("", LM, batch), ("refusing: ", SHY, replace(batch, refusals=(REFUSAL,)))):
        found[f"{world}original"] = partial(looked, Served(model), seen)
        found[f"{world}batch"] = partial(row, model, given, seen, method, seed)
        precise = replace(method, mode="precise")
        found[f"{world}precise"] = partial(row, model, some, alone, precise, seed, siblings)
    sequential = replace(batch, mode="sequential")
    return found | {"sequential": partial(row, LM, given, seen, sequential, seed)}


if __name__ == "__main__":
    fill("unierase", jobs)
