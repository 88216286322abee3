"""The benchmarks, found by file: every module of this folder that has a function ``protocol``.

Such a module is all that a benchmark takes. It has

- ``SETTINGS``, whole numbers (for TOFU the percent to forget), the first of which is run where none is named unless
  there is a ``USUAL`` (by variant where only some have one); and ``METHODS``, the rows of its table in order;
- ``protocol(setting, brought)``: a :class:`benign.benchmarks.benchmark.Benchmark`;
- ``preset(name, brought)``: a method with the numbers to run it with, tuned for the embedded model or published;
- ``tables()``: small data in the published form, where there are any (``benign bench NAME --make DIR`` writes them),
  and ``stored()``: the pictures that they name, where they do not hold them.

A module of several data sets lists them in ``VARIANTS``, and each function takes one as its last argument;
``muse.py`` with News, Books and requests in a row is ``muse-news``, ``muse-books`` and ``muse-requests``.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

from benign.benchmarks.benchmark import Benchmark
from benign.benchmarks.protocol import OFFLINE, Brought
from benign.benchmarks.published import write_tables
from benign.engine.recipe import Method
from benign.errors import UserError, unknown_name

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Suite:
    """One benchmark of the catalogue."""

    name: str
    """As the command line and the results' folders name it."""
    module: ModuleType
    variant: tuple[str, ...] = ()
    """The data set, where the module has several."""

    @property
    def settings(self) -> tuple[int, ...]:
        """All its settings."""
        found: tuple[int, ...] = self.module.SETTINGS
        return found

    @property
    def usual(self) -> tuple[int, ...]:
        """The settings that are run where none are named: the first, or the module's ``USUAL``."""
        usual = getattr(self.module, "USUAL", {})
        found: tuple[int, ...] = (
            usual.get("".join(self.variant), self.settings[:1]) if isinstance(usual, dict) else usual
        )
        return found

    @property
    def methods(self) -> tuple[str, ...]:
        """The rows of its table, in order."""
        found: tuple[str, ...] = self.module.METHODS
        return found

    def protocol(self, setting: int, brought: Brought = OFFLINE) -> Benchmark:
        """The protocol with a setting.

        Raises:
            UserError: It has no such setting.
        """
        if setting not in self.settings:
            known = ", ".join(map(str, self.settings))
            raise UserError(f"{self.name} has no setting {setting}", where="--ratios", fix=f"known: {known}")
        found: Benchmark = self.module.protocol(setting, brought, *self.variant)
        return found

    def preset(self, name: str, brought: Brought = OFFLINE) -> Method:
        """A method with the numbers that it is run with.

        Raises:
            UserError: There is none of that name.
        """
        found: Method = self.module.preset(name, brought, *self.variant)
        return found

    def make(self, folder: Path) -> None:
        """Write small data in the published form.

        Raises:
            UserError: The benchmark has none.
        """
        if not hasattr(self.module, "tables"):
            raise UserError(f"{self.name} makes no files", where="--make", fix="it runs without any")
        stored = self.module.stored(*self.variant) if hasattr(self.module, "stored") else None
        write_tables(folder, self.module.tables(*self.variant), stored)


def names() -> tuple[str, ...]:
    """All benchmarks, found without importing any."""
    return tuple(_found())


def find(name: str) -> Suite:
    """A benchmark by its name.

    Raises:
        UserError: There is none.
    """
    known = _found()
    if name not in known:
        raise unknown_name("benchmark", name, known)
    module, variant = known[name]
    return Suite(name, import_module(f"{__package__}.{module}"), (variant,) if variant else ())


@cache
def _found() -> dict[str, tuple[str, str]]:
    found = {}
    for path in sorted(_FOLDER.glob("*.py")):
        body = ast.parse(path.read_text(encoding="utf-8"), filename=str(path)).body
        if any(isinstance(node, ast.FunctionDef) and node.name == "protocol" for node in body):
            for variant in _variants(body) or ("",):
                found["-".join(filter(None, (path.stem, variant)))] = (path.stem, variant)
    return found


def _variants(body: list[ast.stmt]) -> tuple[str, ...]:
    for node in body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "VARIANTS":
            found: tuple[str, ...] = ast.literal_eval(node.value)
            return found
    return ()
