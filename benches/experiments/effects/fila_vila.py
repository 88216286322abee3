"""FILA and VILA beside plain LoRA with the same loss, and NPO: what is kept at equal forgetting, what the start costs.

python benches/experiments/effects/fila_vila.py --seeds 3
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from along import trained
from observed import Splits
from seeds import Jobs, Row, fill

from benign.benchmarks.presets_text import embedded
from benign.engine.attach import attached
from benign.engine.importance import Importances
from benign.engine.recipe import Method, Recipe, Train
from benign.methods.fila import FILA
from benign.methods.npo import NPO
from benign.methods.vila import VILA
from benign.models.embedded.text import world
from benign.models.load import load
from benign.parts.loci.importance import Importance

LM, DATA = load("embedded:lm"), world.splits(5)
LOOK = Splits(LM, DATA)
RATE = 2e-3
"""Learning rate of plain LoRA, the best of those tried for what it keeps."""


@dataclass(frozen=True)
class Plain:
    """FILA's or VILA's recipe with LoRA that starts at zero."""

    like: FILA | VILA

    def recipe(self) -> Recipe:
        """One training stage."""
        (stage,) = self.like.recipe().stages
        assert isinstance(stage, Train)
        return Recipe((replace(stage, locus=self.like.lora),))


def start_cost(method: FILA | VILA, batch: int) -> dict[str, Any]:
    """Processor seconds (one thread) and numbers of the importance estimate, with as many records per gradient."""
    (stage,) = method.recipe().stages
    assert isinstance(stage, Train)
    importance = Importance("batch_fisher" if isinstance(method, FILA) else "variance", batch)
    locus: Any = replace(stage.locus, importance=importance)  # type: ignore[type-var]
    with TemporaryDirectory() as folder:
        place, seconds = Path(folder), []
        store = Importances(LM, DATA, place / "s", lambda *_: None)

        def timed(*asked: Any) -> Any:
            start = time.process_time()
            found = store(*asked)
            seconds.append(time.process_time() - start)
            return found

        before = LM.module(**LM.encoder.full(DATA.forget[0]).inputs).logits.detach()
        began = time.process_time()
        with attached(LM, locus, seed=0, scratch=place, measure=timed), torch.no_grad():
            after = LM.module.eval()(**LM.encoder.full(DATA.forget[0]).inputs).logits
        total = time.process_time() - began
        size = sum(file.stat().st_size for file in place.glob("s/*.safetensors")) // 8
    return {
        "importance_seconds": sum(seconds),
        "split_seconds": total - sum(seconds),
        "numbers": size,
        "logits_moved": float((after - before).abs().max()),
    }


FILA_TUNED, VILA_TUNED, NPO_TUNED = (embedded(name) for name in ("fila", "vila", "npo"))
assert isinstance(FILA_TUNED, FILA) and isinstance(VILA_TUNED, VILA) and isinstance(NPO_TUNED, NPO)
BATCHES = {"forget_batch": VILA_TUNED.forget_batch, "retain_batch": VILA_TUNED.retain_batch}
METHODS: dict[str, Method] = {
    "lora": Plain(replace(VILA_TUNED, optim=replace(VILA_TUNED.optim, lr=RATE))),
    "fila": FILA_TUNED,
    "vila": VILA_TUNED,
    "fila code": replace(FILA_TUNED, preset="code"),
    "npo": replace(NPO_TUNED, **BATCHES),  # type: ignore[arg-type]
}
SLOW = {"vila code": replace(VILA_TUNED, preset="code")}
"""Ten passes over all records take their time: one seed."""


TUNED: dict[str, FILA | VILA] = {"fila": FILA_TUNED, "vila": VILA_TUNED}


def once() -> Row:
    """What the original says, and what the start costs."""
    costs = {
        f"{name}, batches of {size}": start_cost(method, size) for size in (1, 4) for name, method in TUNED.items()
    }
    return {"original": LOOK.original(), "start": costs}


def row(method: Method, seed: int) -> Row:
    """What is left where enough is forgotten, and the cost."""
    way = trained(LOOK, method, seed, every=5, until=LOOK.enough)
    return {**(way.at("forget", LOOK.goal) or way.seen[-1]), **way.cost}


def jobs(seed: int) -> Jobs:
    """One row per method."""
    methods = METHODS if seed else {**METHODS, **SLOW}
    return {name: partial(row, method, seed) for name, method in methods.items()}


if __name__ == "__main__":
    fill("fila_vila", jobs, once)
