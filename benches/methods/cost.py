"""What each method costs beside NPO on the same job: seconds and peak memory, each method in a process of its own.

``python benches/methods/cost.py`` measures the methods that have settings for an embedded model, on the job that they
were chosen on: TOFU's forget10 as the embedded world tells it, or five percent of the people in pictures for those with
settings for pictures alone. It writes ``src/benign/methods/cost.json``, which the catalogue shows. What the file has
stays, and every row is written as it comes: a killed run goes on, and to measure all anew is to delete the file.
``python benches/methods/cost.py smfa ssd`` measures only those, again.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

import benign
from benign.benchmarks import presets, presets_text
from benign.benchmarks.presets_text import APART, FILTERS, TUNED
from benign.benchmarks.tofu import Tofu
from benign.data.atomic import write_text
from benign.errors import UserError
from benign.methods.traits import COST
from benign.models.embedded import world

BESIDE = "npo"
LM, MOE, VLM = "embedded:lm", "embedded:moe", "embedded:vlm"
SEEN = ("mip_editor", "mllm_eraser", "model_tailor", "vgid")
MODELS: Mapping[str, str] = {"seuf": MOE, **dict.fromkeys(SEEN, VLM)}
"""What is not measured on ``LM``: it stands beside NPO on the same model."""
MEASURED = (*(TUNED | APART | FILTERS), *SEEN)
JOB = (
    f"TOFU forget10 in the embedded world (pictures: five percent of the people), one thread, torch {torch.__version__}"
)


def once(name: str, on: str) -> dict[str, float]:
    """A core's seconds, which do not depend on who else is at work, and megabytes of one run in this process."""
    torch.set_num_threads(1)
    model, data = benign.load(on), world.splits(5) if on == VLM else Tofu(10).data()
    method = presets.embedded(name) if on == VLM else presets_text.embedded(name)
    before = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        result = benign.unlearn(model, data, method=method, out=Path(folder) / "run")
    return {"seconds": round(time.process_time() - before, 2), "memory": round(result.peak_rss_mb)}


def measured(name: str, on: str) -> dict[str, float] | str:
    """The same in a new process, or in one line why it did not run."""
    run = subprocess.run([sys.executable, __file__, "--once", name, on], capture_output=True, text=True, check=False)
    if run.returncode:
        return (run.stderr.splitlines() or [f"ended with {run.returncode}"])[-1]
    found: dict[str, float] = json.loads(run.stdout.splitlines()[-1])
    return found


def main(names: list[str]) -> None:
    """Measure what is missing, or what is named, and write each row as it comes."""
    content: dict[str, Any] = json.loads(COST.read_text(encoding="utf-8")) if COST.exists() else {}
    content = {"base": {}, "methods": {}, **content, "beside": BESIDE, "job": JOB}
    for name in names or [name for name in MEASURED if name not in content["methods"]]:
        on = MODELS.get(name, LM)
        base = content["base"].get(on) or measured(BESIDE, on)
        if isinstance(base, str):
            raise SystemExit(f"{BESIDE} on {on}: {base}")
        content["base"][on] = base
        _write(content)
        found = base if name == BESIDE else measured(name, on)
        if isinstance(found, str):
            sys.stdout.write(f"{name}: left out: {found}\n")
            continue
        content["methods"][name] = {key: round(found[key] / base[key], 3) for key in base}
        content["methods"] = dict(sorted(content["methods"].items()))
        _write(content)
        sys.stdout.write(f"{name}: {json.dumps(found)}\n")
        sys.stdout.flush()


def _write(content: Mapping[str, Any]) -> None:
    write_text(COST, json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--once"]:
        try:
            sys.stdout.write(json.dumps(once(sys.argv[2], sys.argv[3])) + "\n")
        except UserError as error:
            raise SystemExit(str(error)) from None
    else:
        main(sys.argv[1:])
