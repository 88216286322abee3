"""The catalogue reads what the files say, and it says what the classes are."""

from __future__ import annotations

import ast
import dataclasses
from importlib import import_module
from pathlib import Path

import pytest

from benign import methods
from benign.errors import UserError
from benign.methods import catalogue, stub

DUMMY = '''"""Forgets by magic (Nobody 2026): waves a wand.

More about it.
"""

from dataclasses import dataclass
from typing import ClassVar

LEVEL = 3


@dataclass(frozen=True)
class Spell:
    """Not the method."""

    name: str = ""


@dataclass(frozen=True)
class Magic:
    """Wave."""

    needs: ClassVar[tuple[str, ...]] = ()
    force: float = 2.5
    """How hard;
    ``0`` is not at all."""
    wand: str | None = None
    hand: int

    def recipe(self):
        """Wave."""
'''


@pytest.fixture
def dummy(tmp_path: Path) -> Path:
    path = tmp_path / "magic.py"
    path.write_text(DUMMY)
    return path


def test_an_entry_is_read_from_the_source(dummy: Path) -> None:
    assert catalogue.read_entry(dummy) == methods.Entry(
        name="magic",
        type="Magic",
        summary="Forgets by magic (Nobody 2026): waves a wand.",
        settings=(
            methods.Setting("force", "float", "2.5", "How hard; 0 is not at all."),
            methods.Setting("wand", "str | None", "None", ""),
            methods.Setting("hand", "int", "", ""),
        ),
    )


def test_a_file_without_a_recipe_is_no_method(tmp_path: Path) -> None:
    path = tmp_path / "tool.py"
    path.write_text('"""A tool."""\n\nclass Tool:\n    def run(self): ...\n')
    assert catalogue.read_entry(path) is None


def test_the_methods_of_the_first_release_are_there() -> None:
    wanted = {"grad_ascent", "grad_diff", "idk", "kl_min", "npo", "retrain", "smfa"}
    assert wanted <= set(methods.names())
    assert "stub" not in methods.names()
    assert list(methods.names()) == sorted(methods.names())


def test_a_class_is_found_by_either_name() -> None:
    assert methods.find("smfa") is methods.find("SMFA") is methods.SMFA


def test_an_unknown_method_names_the_nearest() -> None:
    with pytest.raises(UserError, match=r"unknown method 'sfma'.*did you mean 'smfa'"):
        methods.find("sfma")
    with pytest.raises(AttributeError, match="SFMA"):
        _ = methods.SFMA


@pytest.mark.parametrize("name", methods.names())
def test_what_the_catalogue_says_is_what_the_class_is(name: str) -> None:
    known, method = methods.entry(name), methods.find(name)
    assert method.__name__ == known.type
    assert [field.name for field in dataclasses.fields(method)] == [setting.name for setting in known.settings]
    assert method.__dataclass_params__.frozen
    assert callable(method.recipe)


@pytest.mark.parametrize("name", methods.names())
def test_a_method_is_one_class_and_every_setting_is_explained(name: str) -> None:
    tree = ast.parse(Path(methods.__file__).with_name(f"{name}.py").read_text(encoding="utf-8"))
    public = [n for n in tree.body if isinstance(n, ast.ClassDef) and not n.name.startswith("_")]
    assert [node.name for node in public] == [methods.entry(name).type]
    assert public[0].bases == [], "the catalogue would not see inherited settings"
    assert methods.entry(name).summary.endswith(".")
    assert [setting.name for setting in methods.entry(name).settings if not setting.meaning] == []


def test_the_stub_is_fresh() -> None:
    assert stub.main(["--check"]) == 0, "run `make stub`"


def test_a_stale_stub_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(stub, "PATH", tmp_path / "__init__.pyi")
    assert stub.main(["--check"]) == 1
    assert stub.main([]) == 0
    assert stub.main(["--check"]) == 0
    stub.PATH.write_text(stub.PATH.read_text().replace("SMFA", "SFMA"))
    assert stub.main(["--check"]) == 1


def test_the_stub_declares_what_the_module_has() -> None:
    declared = [node for node in ast.parse(stub.stub(methods.describe())).body if isinstance(node, ast.ImportFrom)]
    names = {alias.asname for node in declared for alias in node.names}
    assert names == {name for name in dir(methods) if not name.startswith("_")}
    for node in declared:
        for alias in node.names:
            assert getattr(import_module(str(node.module)), alias.name) is getattr(methods, str(alias.asname))
