"""What a process holds when several share a model (FSDP2), and when each has it whole: loaded, and training all of it.

A random Llama in float32 is written to disk; processes on this machine load it and make two steps of NPO on all of its
weights. Memory is the highest resident set of each process above what it took before it loaded.

    python benches/engine/sharing.py --processes 2
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

RESULT = Path(__file__).parents[1] / "results" / "engine" / "sharing.json"
SHAPE = {"hidden_size": 640, "intermediate_size": 1760, "num_hidden_layers": 8, "num_attention_heads": 8}
WAYS = ("whole", "shared")


def made(folder: Path) -> int:
    """A random model with the tokenizer of the embedded text model; how many bytes its weights are."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from benign.models.load import load
    from benign.models.source import resolve

    torch.manual_seed(0)
    tokens = load("embedded:lm").processor.tokenizer
    config = LlamaConfig(vocab_size=len(tokens), eos_token_id=tokens.eos_token_id, pad_token_id=0, **SHAPE)
    LlamaForCausalLM(config).save_pretrained(folder)
    for file in (*resolve("embedded:lm").glob("*token*"), *resolve("embedded:lm").glob("*.jinja")):
        (folder / file.name).write_bytes(file.read_bytes())
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))


def worked(source: Path, out: Path) -> None:
    """Load, train two steps, and say what that took."""
    import torch

    torch.set_num_threads(1)
    import benign
    from benign.data.record import Data, Record
    from benign.engine.recipe import Optim
    from benign.engine.unlearn import unlearn
    from benign.engine.world import world
    from benign.models.load import load
    from benign.parts.loci.all_weights import AllWeights

    before = peak_bytes()
    world()
    model = load(str(source))
    loaded = peak_bytes()
    records = tuple(Record(str(i), "a", question=f"where was author {i} born ?", answer="in a town") for i in range(8))
    method = benign.methods.NPO(optim=Optim(lr=1e-5, epochs=None, steps=2), locus=AllWeights())
    unlearn(model, Data(forget=records[:4], retain=records[4:]), method=method, out=out)
    said = {"rank": world().rank, "loaded_bytes": loaded - before, "trained_bytes": peak_bytes() - before}
    sys.stdout.write(f"\nrow {json.dumps(said)}\n")


def peak_bytes() -> int:
    """The highest resident set of this process so far; Linux counts in KiB, macOS in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def measured(source: Path, processes: int, way: str) -> list[dict[str, int]]:
    """Each process' memory, in the order of their numbers."""
    many = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    if way == "shared":
        many = ["-m", "accelerate.commands.launch", "--num_processes", str(processes), "--use_fsdp"]
        many += ["--fsdp_version", "2"]
    command = [sys.executable, *many, __file__, "--work", str(source), "--out", str(source.parent / way)]
    # Linux' allocator would keep what is put together and let go of again.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MALLOC_MMAP_THRESHOLD_": "65536"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-3000:])
    rows = [json.loads(line.removeprefix("row ")) for line in done.stdout.splitlines() if line.startswith("row ")]
    return sorted(rows, key=lambda row: row["rank"])


def table(found: Mapping[str, Sequence[Mapping[str, int]]], weights: int) -> str:
    """The result for human eyes."""
    lines = [f"weights {weights / 2**20:.0f} MiB", f"{'way':8} {'process':>7} {'loaded MiB':>11} {'trained MiB':>12}"]
    lines += [
        f"{way:8} {row['rank']:7} {row['loaded_bytes'] / 2**20:11.0f} {row['trained_bytes'] / 2**20:12.0f}"
        for way, rows in found.items()
        for row in rows
    ]
    return "\n".join([*lines, ""])


def main() -> None:
    """Measure, print a table and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--work", type=Path, help="load this folder, train, print this process' memory and end")
    parser.add_argument("--out", type=Path, help="where that run goes")
    options = parser.parse_args()
    if options.work:
        worked(options.work, options.out)
        return
    with tempfile.TemporaryDirectory() as folder:
        weights = made(Path(folder) / "model")
        found = {way: measured(Path(folder) / "model", options.processes, way) for way in WAYS}
    result: dict[str, Any] = {"shape": SHAPE, "weights_bytes": weights, "processes": options.processes, "rows": found}
    sys.stdout.write(table(found, weights))
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
