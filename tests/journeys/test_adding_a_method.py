"""docs/adding-a-method.md followed literally: its files where it says, its commands as they stand."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benign.data.write import write_jsonl
from tests import toys

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "adding-a-method.md").read_text(encoding="utf-8")
FILES = re.findall(r"`((?:src|tests)/[\w/]+\.py)`[^`]*```python\n(.*?)```", PAGE, flags=re.DOTALL)
(COMMANDS,) = re.findall(r"\*\*4\. Try it\.\*\*\n\n```bash\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_page_leads_to_a_method_that_runs(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    left_out = shutil.ignore_patterns("__pycache__", ".*_cache", "results")
    for folder in ("src", "tests", "docs", "benches"):
        shutil.copytree(ROOT / folder, checkout / folder, ignore=left_out)
    shutil.copy(ROOT / "pyproject.toml", checkout)
    toys.text_model(checkout / "my-model")
    for name in ("forget", "few"):
        write_jsonl(toys.data().split(name), checkout / f"{name}.jsonl")
    assert len(FILES) == 3
    for path, text in FILES:
        assert not (checkout / path).exists(), "the example must be new"
        (checkout / path).write_text(text, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(checkout / "src"), "OMP_NUM_THREADS": "1"}
    said = ""
    for line in COMMANDS.strip().splitlines():
        words = shlex.split(line)
        words = words[1:] if words[0] == "python" else ["-m", *words]
        words += ["-p", "no:cacheprovider", "-p", "no:xdist"] if "pytest" in words else []
        done = subprocess.run(
            [sys.executable, *words], cwd=checkout, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        said += done.stdout
    assert "floored_ascent (benign.methods.FlooredAscent)" in said and re.search(r"\d+ passed", said)
    assert (checkout / "trial" / "adapter" / "adapter_model.safetensors").exists()
    assert "FlooredAscent" in (checkout / "docs" / "methods.md").read_text(encoding="utf-8")
