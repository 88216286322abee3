"""An experiment in git: which benchmark, which method with all its numbers, which settings and seeds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benign.data.atomic import write_text
from benign.engine import canonical
from benign.engine.recipe import Method
from benign.errors import UserError, unknown_name

_FIELDS = ("benchmark", "settings", "seeds", "method")
_METHODS = ("benign.methods.", "benign.engine.compose:")
"""What the parts begin with that are methods: the catalogue's, and these with other parts on some of the axes."""


@dataclass(frozen=True)
class Experiment:
    """One method on one benchmark; the file ``<benchmark>/<name>.json`` holds it."""

    benchmark: str
    """As ``benign bench`` names it."""
    name: str
    """The method's name in scoreboards, and the file's."""
    method: Method
    """With every hyper-parameter; what a file leaves out has the method's default."""
    settings: tuple[int, ...]
    """The benchmark's settings (for S-MLLMUn, percent of the people to forget)."""
    seeds: tuple[int, ...]

    @property
    def digest(self) -> str:
        """Of all that a result depends on but setting and seed: benchmark and method, defaults included."""
        return canonical.digest(self.benchmark, self.method)


def read_experiments(folder: Path) -> tuple[Experiment, ...]:
    """All experiments of ``<folder>/<benchmark>/<method>.json``, in order of their names.

    Raises:
        UserError: There are none, or one is not valid.
    """
    paths = sorted(folder.glob("*/*.json"))
    if not paths:
        raise UserError("no experiments", where=str(folder), fix="they are <folder>/<benchmark>/<method>.json")
    return tuple(read_experiment(path) for path in paths)


def read_experiment(path: Path) -> Experiment:
    """One experiment from its file.

    Raises:
        UserError: The file cannot be read, a field is missing, unknown or of another type.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=str(path)) from None
    except ValueError as error:
        raise UserError(f"not valid JSON: {error}", where=str(path)) from None
    if not isinstance(content, dict):
        raise UserError("not an object", where=str(path), fix=f"its fields are {', '.join(_FIELDS)}")
    for name in content:
        if name not in _FIELDS:
            raise unknown_name("field", name, _FIELDS, where=str(path))
    for name in _FIELDS:
        if name not in content:
            raise UserError("missing", where=f"{path}: {name}", fix=f"an experiment needs {', '.join(_FIELDS)}")
    if content["benchmark"] != path.parent.name:
        what = f"{content['benchmark']!r} lies in the folder {path.parent.name!r}"
        raise UserError(what, where=f"{path}: benchmark", fix="name and folder must agree")
    return Experiment(
        str(content["benchmark"]),
        path.stem,
        _method(path, content["method"]),
        _numbers(path, content, "settings"),
        _numbers(path, content, "seeds"),
    )


def as_text(experiment: Experiment) -> str:
    """The file's text."""
    content = {
        "benchmark": experiment.benchmark,
        "settings": list(experiment.settings),
        "seeds": list(experiment.seeds),
        "method": canonical.to_plain(experiment.method),
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def save_experiment(folder: Path, experiment: Experiment) -> None:
    """Write ``<folder>/<benchmark>/<name>.json``; the same experiment's settings and seeds that are there stay.

    Raises:
        UserError: What is there is no experiment.
    """
    path = folder / experiment.benchmark / f"{experiment.name}.json"
    there = read_experiment(path) if path.exists() else experiment
    if there.digest == experiment.digest:
        settings = dict.fromkeys((*there.settings, *experiment.settings))
        seeds = dict.fromkeys((*there.seeds, *experiment.seeds))
        experiment = replace(experiment, settings=tuple(settings), seeds=tuple(seeds))
    write_text(path, as_text(experiment))


def _method(path: Path, content: Any) -> Method:
    where = f"{path}: method"
    if not isinstance(content, dict) or not str(content.get("part", "")).startswith(_METHODS):
        fix = 'for example {"part": "benign.methods.npo:NPO", "beta": 0.1}'
        raise UserError("not a method", where=where, fix=fix)
    try:
        method: Method = canonical.from_plain(content)
        method.recipe()
    except UserError as error:
        raise UserError(error.what, where=where, fix=error.fix) from None
    except (TypeError, ValueError, AttributeError) as error:
        raise UserError(f"its values do not fit: {error}", where=where) from None
    return method


def _numbers(path: Path, content: Mapping[str, Any], name: str) -> tuple[int, ...]:
    given = content[name]
    whole = isinstance(given, list) and all(isinstance(n, int) and not isinstance(n, bool) for n in given)
    if not whole or not given or len(set(given)) < len(given) or min(given) < 0:
        fix = "for example [0, 1, 2]"
        raise UserError(
            f"{json.dumps(given)} is not a list of different whole numbers", where=f"{path}: {name}", fix=fix
        )
    return tuple(given)
