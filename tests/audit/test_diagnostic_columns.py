from __future__ import annotations

import subprocess
import sys

from benign.audit.columns import COLUMNS, column
from benign.audit.diagnostic_columns import INSIDE, PREFIX
from benign.audit.diagnostics.catalogue import names


def test_every_diagnostic_has_a_column_and_every_column_a_diagnostic() -> None:
    assert {found.name for found in INSIDE} == {f"{PREFIX}{name}" for name in names()}
    assert all(column(found.name) is found for found in INSIDE)
    assert column(f"{PREFIX}magic") is None


def test_they_read_like_the_other_columns() -> None:
    assert not {found.title for found in INSIDE} & {other.title for other in COLUMNS}
    for found in INSIDE:
        assert found.meaning[0].isupper() and found.meaning.endswith(".") and found.meaning.count(". ") == 0


def test_they_are_told_without_torch() -> None:
    code = "import sys, benign.audit.columns; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
