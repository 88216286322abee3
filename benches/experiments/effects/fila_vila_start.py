"""What FILA's and VILA's importance costs on a wider model: a random Llama of 42 million weights, one thread.

python benches/experiments/effects/fila_vila_start.py
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from seeds import RESULTS, read, write
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from benign.data.record import Data
from benign.engine.importance import Importances
from benign.engine.meter import Meter
from benign.models import embedded
from benign.models.embedded.text import world
from benign.models.families.family import linear_modules
from benign.models.load import load
from benign.parts.loci import Estimate
from benign.parts.loci.factors import FactorImportance
from benign.parts.loci.importance import Importance

FILE = RESULTS / "fila_vila_start.json"
BATCH = 4
ESTIMATES: dict[str, Estimate] = {
    "fila": Importance("batch_fisher", BATCH),
    "vila": FactorImportance(8, 16.0, importance=Importance("variance", BATCH)),
}


def made(folder: Path) -> Path:
    """A random model with the embedded model's words."""
    tokenizer = AutoTokenizer.from_pretrained(embedded.path("lm"))
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=768, intermediate_size=2048, num_hidden_layers=6,
        num_attention_heads=12, num_key_value_heads=12,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def cost(name: str) -> dict[str, Any]:
    """Processor seconds of one thread, numbers per side, and growth of the process."""
    torch.set_num_threads(1)
    with TemporaryDirectory() as folder:
        model, whole = load(str(made(Path(folder) / "model"))), world.splits(5)
        data = Data(forget=whole.forget[:40], retain=whole.retain[:40])
        own = dict(model.module.named_parameters())
        weights = {f"{n}.weight": own[f"{n}.weight"] for n in linear_modules(model.module, model.family.language)}
        store = Importances(model, data, Path(folder) / "s", lambda *_: None)
        with Meter() as before:
            time.sleep(0.2)
        start = time.process_time()
        with Meter() as during:
            for side in ("forget", "retain"):
                found = store(ESTIMATES[name], side, weights)
        seconds = time.process_time() - start
    numbers = sum(tensor.numel() for key, tensor in found.items() if key != "tokens")
    grown = during.peak_rss_mb - before.peak_rss_mb
    return {"numbers": numbers, "processor_seconds": round(seconds, 1), "grown_mb": round(grown)}


def main() -> None:
    """Each that is missing in a process of its own."""
    if len(sys.argv) > 1:
        write(FILE, [*read(FILE).get("rows", []), {"row": sys.argv[1], "seed": 0, **cost(sys.argv[1])}], {})
        return
    there = {row["row"] for row in read(FILE).get("rows", [])}
    for name in ESTIMATES.keys() - there:
        subprocess.run([sys.executable, __file__, name], check=True)


if __name__ == "__main__":
    main()
