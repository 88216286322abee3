from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from benign.audit import diagnostics
from benign.audit.diagnostics import catalogue
from benign.errors import UserError

NAMES = ("cka", "depth", "grad_norm", "lens", "probe", "remind")


def test_every_diagnostic_is_found_and_its_settings_are_said() -> None:
    assert catalogue.names() == NAMES
    for name in NAMES:
        found = catalogue.find(name)
        source = (Path(diagnostics.__file__).parent / f"{name}.py").read_text(encoding="utf-8")
        fields = dataclasses.fields(found)
        assert fields and type(found).__dataclass_params__.frozen
        for field in fields:
            assert f"    {field.name}: " in source and hash(found) == hash(catalogue.find(name))


def test_lists_of_names() -> None:
    assert catalogue.chosen("all") == NAMES
    assert catalogue.chosen("none") == ()
    assert catalogue.chosen("lens, depth") == ("lens", "depth")
    with pytest.raises(UserError, match=r"depht.*did you mean 'depth'"):
        catalogue.chosen("lens,depht")
