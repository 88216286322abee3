"""What each method costs beside NPO on the same job: seconds and peak memory, each method in a process of its own.

``python benches/methods/cost.py`` measures the methods that have settings for the embedded text model (ten percent of
its authors to forget) one after another and writes ``src/benign/methods/cost.json``, which the catalogue shows.
``python benches/methods/cost.py npo smfa`` measures only those, beside NPO, and keeps the rest of the file.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from rich.progress import track

import benign
from benign.benchmarks.presets_text import APART, FILTERS, TUNED, embedded
from benign.data.atomic import write_text
from benign.methods.traits import COST
from benign.models.embedded.text import world

BESIDE = "npo"
MEASURED = tuple(name for name in TUNED | APART | FILTERS if name not in ("seuf", "melu"))
"""All but what needs a mixture of experts, or retained records of the forgotten subjects."""


def once(name: str) -> dict[str, float]:
    """A core's seconds, which do not depend on who else is at work, and megabytes of one run in this process."""
    torch.set_num_threads(1)
    model = benign.load("embedded:lm")
    before = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        result = benign.unlearn(model, world.splits(10), method=embedded(name), out=Path(folder) / "run")
    return {"seconds": time.process_time() - before, "memory": result.peak_rss_mb}


def measured(name: str) -> dict[str, float]:
    """The same in a new process."""
    command = [sys.executable, __file__, "--once", name]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(run.stdout.splitlines()[-1])
    return found


def main(words: list[str]) -> None:
    """Measure and write."""
    if words[:1] == ["--once"]:
        sys.stdout.write(json.dumps(once(words[1])) + "\n")
        return
    kept = json.loads(COST.read_text(encoding="utf-8"))["methods"] if words and COST.exists() else {}
    base = measured(BESIDE)
    rows = {}
    for name in track(words or MEASURED, description="measuring"):
        found = base if name == BESIDE else measured(name)
        rows[name] = {key: round(found[key] / base[key], 3) for key in base}
    job = f"embedded:lm, 10 %, 1 thread, torch {torch.__version__}"
    content = {"beside": BESIDE, "job": job, "npo": base, "methods": dict(sorted((kept | rows).items()))}
    write_text(COST, json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
