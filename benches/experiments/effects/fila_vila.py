"""FILA and VILA beside plain LoRA with the same loss, and NPO: what is kept at equal forgetting, what the start costs.

python benches/experiments/effects/fila_vila.py --seeds 0 1 2
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from until_forgotten import filled, known, read, until_forgotten, write

from benign.benchmarks.presets_text import embedded
from benign.engine.attach import attached
from benign.engine.importance import Importances
from benign.engine.recipe import Method, Recipe, Train
from benign.methods.fila import FILA
from benign.methods.vila import VILA
from benign.models.embedded.text import world
from benign.models.load import Model, load
from benign.parts.loci.importance import Importance

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


def start_cost(model: Model, method: FILA | VILA, batch: int) -> dict[str, Any]:
    """Processor seconds (one thread) and numbers of the importance estimate, with as many records per gradient."""
    (stage,) = method.recipe().stages
    assert isinstance(stage, Train)
    kind = "batch_fisher" if isinstance(method, FILA) else "variance"
    locus: Any = replace(stage.locus, importance=Importance(kind, batch))  # type: ignore[call-arg,type-var]
    data = world.splits(5)
    with TemporaryDirectory() as folder:
        place, seconds = Path(folder), []
        store = Importances(model, data, place / "s", lambda *_: None)

        def timed(*asked: Any) -> Any:
            start = time.process_time()
            found = store(*asked)
            seconds.append(time.process_time() - start)
            return found

        before = model.module(**model.encoder.full(data.forget[0]).inputs).logits.detach()
        began = time.process_time()
        with attached(model, locus, seed=0, scratch=place, measure=timed), torch.no_grad():
            after = model.module.eval()(**model.encoder.full(data.forget[0]).inputs).logits
        total = time.process_time() - began
        size = sum(file.stat().st_size for file in place.glob("s/*.safetensors")) // 8
    return {
        "importance_seconds": sum(seconds),
        "split_seconds": total - sum(seconds),
        "numbers": size,
        "logits_moved": float((after - before).abs().max()),
    }


def main() -> None:
    """Measure what is missing and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    seeds = parser.parse_args().seeds
    torch.set_num_threads(1)
    model, data = load("embedded:lm"), world.splits(5)
    fila, vila = embedded("fila"), embedded("vila")
    assert isinstance(fila, FILA) and isinstance(vila, VILA)
    methods: dict[str, Method] = {
        "lora": Plain(replace(vila, optim=replace(vila.optim, lr=RATE))), "fila": fila, "vila": vila,
        "fila code": replace(fila, preset="code"),
        "npo": replace(embedded("npo"), forget_batch=vila.forget_batch, retain_batch=vila.retain_batch),  # type: ignore[type-var,call-arg]
    }  # fmt: skip
    found = read("fila_vila")
    if "start" not in found:
        pairs = (("fila", fila), ("vila", vila))
        costs = {
            f"{name}, batches of {size}": start_cost(model, method, size) for size in (1, 4) for name, method in pairs
        }
        write("fila_vila", found | {"original": known(model, data), "start": costs})

    def run(method: Method, seed: int) -> dict[str, float]:
        return until_forgotten(model, method, data, seed=seed)

    filled("fila_vila", methods, seeds, run)
    # Ten passes over all records take their time.
    filled("fila_vila", {"vila code": replace(vila, preset="code")}, seeds[:1], run)


if __name__ == "__main__":
    main()
