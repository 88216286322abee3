"""``python -m benign`` as a user starts it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def benign(*words: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    command = [sys.executable, "-m", "benign", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=100, stdin=subprocess.DEVNULL)
