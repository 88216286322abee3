"""FILA and VILA beside plain LoRA with the same loss, and NPO: what is kept at equal forgetting, what the start costs.

python benches/experiments/effects/fila_vila.py --seeds 0 1 2
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from until_forgotten import known, until_forgotten, written

from benign.benchmarks.presets_text import embedded
from benign.engine.attach import attached
from benign.engine.importance import Importances
from benign.engine.recipe import Method, Recipe, Train
from benign.methods.fila import FILA
from benign.methods.vila import VILA
from benign.models.embedded.text import world
from benign.models.load import Model, load
from benign.parts.loci.importance import Importance


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
    """Seconds and numbers of the importance estimate alone, for both with as many records per gradient."""
    (stage,) = method.recipe().stages
    assert isinstance(stage, Train)
    kind = "batch_fisher" if isinstance(method, FILA) else "variance"
    locus: Any = replace(stage.locus, importance=Importance(kind, batch))  # type: ignore[call-arg,type-var]
    data = world.splits(10)
    with TemporaryDirectory() as folder:
        place, seconds = Path(folder), []
        store = Importances(model, data, place / "s", lambda *_: None)

        def timed(*asked: Any) -> Any:
            start = time.perf_counter()
            found = store(*asked)
            seconds.append(time.perf_counter() - start)
            return found

        before = model.module(**model.encoder.full(data.forget[0]).inputs).logits.detach()
        began = time.perf_counter()
        with attached(model, locus, seed=0, scratch=place, measure=timed), torch.no_grad():
            after = model.module.eval()(**model.encoder.full(data.forget[0]).inputs).logits
        total = time.perf_counter() - began
        size = sum(file.stat().st_size for file in place.glob("s/*.safetensors")) // 8
    return {
        "importance_seconds": sum(seconds),
        "split_seconds": total - sum(seconds),
        "numbers": size,
        "logits_moved": float((after - before).abs().max()),
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    seeds = parser.parse_args().seeds
    model, data = load("embedded:lm"), world.splits(10)
    fila, vila = embedded("fila"), embedded("vila")
    assert isinstance(fila, FILA) and isinstance(vila, VILA)
    methods: dict[str, Method] = {
        "lora": Plain(vila), "fila": fila, "vila": vila, "fila code": replace(fila, preset="code"),
        "vila code": replace(vila, preset="code"), "npo": embedded("npo"),
    }  # fmt: skip
    rows = {
        name: [until_forgotten(model, method, data, seed=seed) for seed in seeds] for name, method in methods.items()
    }
    means = {name: {key: statistics.mean(run[key] for run in runs) for key in runs[0]} for name, runs in rows.items()}
    costs = {
        f"{name} batch {b}": start_cost(model, m, b) for b in (1, 4) for name, m in (("fila", fila), ("vila", vila))
    }
    written("fila_vila", {"original": known(model, data), "means": means, "runs": rows, "start": costs})


if __name__ == "__main__":
    main()
