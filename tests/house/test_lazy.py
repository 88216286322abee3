"""What must answer at once imports nothing heavy, and the public names are where they are said to be."""

from __future__ import annotations

import subprocess
import sys

import pytest

import benign

HEAVY = ("torch", "transformers", "peft", "accelerate", "datasets", "matplotlib")


def imported_by(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*(n for n in {HEAVY} if n in sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


@pytest.mark.parametrize(
    "statement",
    [
        "import benign; benign.methods.names()",
        "import benign; benign.read",
        "import benign; benign.audit",
        "import benign.errors",
        "import benign.data.record",
        "import benign.data.read",
        "import benign.cli.main",
        "import benign.methods.stub",
    ],
)
def test_nothing_heavy_is_imported(statement: str) -> None:
    assert imported_by(statement) == set()


def test_the_check_sees_what_is_imported() -> None:
    assert imported_by("import benign; benign.methods.SMFA") >= {"torch"}


def test_every_public_name_is_there() -> None:
    assert set(benign.__all__) == {
        "NotMeasured", "UserError", "__version__", "audit", "compose", "load", "methods", "read", "unlearn",
    }  # fmt: skip
    for name in benign.__all__:
        assert getattr(benign, name) is not None
    assert set(benign.__all__) <= set(dir(benign))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="forgte"):
        _ = benign.forgte


def test_audit_is_a_room_and_a_function(monkeypatch: pytest.MonkeyPatch) -> None:
    from benign.audit import run

    def audit(*args: object, **options: object) -> tuple[object, ...]:
        return (*args, options)

    monkeypatch.setattr(run, "audit", audit)
    assert benign.audit("model", "result", "data", out="here") == ("model", "result", "data", {"out": "here"})  # type: ignore[operator]
