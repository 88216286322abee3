from __future__ import annotations

import subprocess
import sys


def test_reading_a_scoreboard_needs_no_torch() -> None:
    rooms = "benign.audit.scoreboard, benign.audit.plan, benign.audit.chunks, benign.audit.judges.endpoint"
    code = f"import sys, {rooms}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
