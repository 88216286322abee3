"""The package keeps the house rules (design section 2) that ruff, mypy and import-linter cannot say."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import pytest

from tests.house import rules
from tests.house.rules import PACKAGE, ROOT

SOURCES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
PURE = ("parts/objectives", "parts/edits", "audit/metrics")
MAY_NAME_FAMILIES = ("models/families", "models/embedded")
MAY_HIDE_IMPORTS = ("__init__.py", "cli")
"""The package's lazy names, and the top room, from which every import points downwards."""

# The names that some libraries are imported by.
IMPORT_NAMES = {
    "huggingface-hub": "huggingface_hub",
    "lm-eval": "lm_eval",
    "mlflow-skinny": "mlflow",
    "pillow": "PIL",
    "rouge-score": "rouge_score",
    "scikit-learn": "sklearn",
}
# Declared, and needed without being imported, by mlflow for its SQLite files.
NEEDED_BY_OTHERS = {"alembic", "sqlalchemy"}
EXTRAS = ("datasets", "llm2graph", "lm-eval", "mlflow", "probe", "ray", "stemmer", "tensorboard", "wandb")
"""What the package itself imports where it is asked for."""


def place(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def within(path: Path, rooms: tuple[str, ...]) -> bool:
    return place(path).startswith(rooms) if place(path) != "__init__.py" else "__init__.py" in rooms


def everywhere(rule: object, paths: list[Path]) -> list[str]:
    assert callable(rule)
    assert paths, "nothing was looked at"
    return [f"{path.relative_to(ROOT)}:{found}" for path in paths for found in rule(path.read_text(encoding="utf-8"))]


def test_only_models_name_model_families() -> None:
    elsewhere = [path for path in SOURCES if not within(path, MAY_NAME_FAMILIES)]
    assert everywhere(rules.family_names, elsewhere) == []


def test_files_are_short() -> None:
    sizes = {place(path): len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    assert {name: lines for name, lines in sizes.items() if lines > rules.FILE_LINES} == {}


def test_functions_are_short() -> None:
    assert everywhere(rules.long_functions, SOURCES) == []


def test_names_say_what_is_inside() -> None:
    assert [str(path.relative_to(ROOT)) for path in [*SOURCES, *TESTS] if rules.banned_name(path)] == []


def test_nothing_runs_foreign_code_by_default() -> None:
    assert everywhere(rules.unsafe_options, SOURCES) == []


def test_no_import_is_hidden_from_the_import_linter() -> None:
    found = []
    for path in SOURCES:
        room = ".".join(path.relative_to(PACKAGE).parts[: 2 if within(path, ("parts/",)) else 1])
        hidden = [] if within(path, MAY_HIDE_IMPORTS) else rules.hidden_imports(path.read_text(encoding="utf-8"))
        found += [f"{place(path)}: {line}" for line in hidden if not line.startswith(f"from benign.{room}.")]
    assert found == []


@pytest.mark.parametrize("room", PURE)
def test_pure_rooms_have_no_side_effects(room: str) -> None:
    assert everywhere(rules.side_effects, [path for path in SOURCES if within(path, (room,))]) == []


def declared() -> dict[str, set[str]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = {"core": project["dependencies"], **project["optional-dependencies"]}
    return {name: {re.split(r"[\[<>=~! ;]", line)[0] for line in lines} for name, lines in groups.items()}


def test_every_library_that_is_imported_is_declared() -> None:
    libraries = {IMPORT_NAMES.get(name, name) for name in declared()["core"].union(*map(declared().get, EXTRAS))}
    used = set().union(*(rules.third_party(path.read_text(encoding="utf-8")) for path in SOURCES))
    foreign = used - set(sys.stdlib_module_names) - {"benign"}
    assert foreign - libraries == set()
    assert libraries - foreign - NEEDED_BY_OTHERS == set(), "declared and never imported"


def test_every_declared_library_has_an_exact_version() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert [line for line in pins if not re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][0-9a-z.]*", line)] == []
    pinned = {line.partition("==")[0].lower().replace("_", "-") for line in pins}
    assert set().union(*declared().values()) - {"benign"} - pinned == set()
    assert [name for name in pinned if name.startswith(("nvidia", "cuda", "triton"))] == []


def test_no_file_names_a_machine_or_a_registry() -> None:
    told = re.compile(
        "|".join(["/wo" + "rk/", "/ro" + "ot/", "/op" + "t/", "index" + "-url", "python" + "hosted", "find" + "-links"])
    )
    kinds = (".py", ".toml", ".txt", ".md", ".json", ".yml", "Makefile", "run")
    rooms = [ROOT / name for name in ("src", "tests", "docs", "examples", "benches", ".ci")]
    files = [path for room in rooms for path in room.rglob("*")] + list(ROOT.glob("*"))
    files = [path for path in files if path.is_file() and path.name.endswith(kinds)]
    assert len(files) > 50
    assert [str(path.relative_to(ROOT)) for path in files if told.search(path.read_text(encoding="utf-8"))] == []
