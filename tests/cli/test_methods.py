"""``benign methods`` answers at once, to a person and to a program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace

from benign import methods
from benign.cli.methods import _facts, _told
from benign.methods.traits import Cost
from tests.cli.running import benign


def cost() -> float:
    """Seconds of the processor that one run takes, which do not depend on who else is at work on the machine."""
    before = os.times()
    assert benign("methods").returncode == 0
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def test_it_answers_at_once() -> None:
    assert min(cost() for _ in range(3)) < 0.5


def test_it_does_so_without_torch() -> None:
    code = (
        "import sys; from benign.cli.main import main; "
        "assert main(['methods']) == 0 and main(['methods', 'smfa']) == 0; "
        "print(sorted({'torch', 'transformers', 'numpy'} & set(sys.modules)), file=sys.stderr)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stderr.strip() == "[]"


def test_it_lists_every_method_with_its_summary() -> None:
    shown = " ".join(benign("methods").stdout.split())
    for known in methods.describe():
        assert known.name in shown
        assert known.summary.split(":")[0] in shown


def test_it_shows_the_settings_of_one() -> None:
    shown = benign("methods", "smfa").stdout
    for setting in methods.entry("smfa").settings:
        assert f"\n {setting.name} " in shown
    assert "--method smfa" in shown


def test_json_is_the_catalogue() -> None:
    listed = json.loads(benign("methods", "--json").stdout)
    assert [known["name"] for known in listed] == list(methods.names())
    one = json.loads(benign("methods", "smfa", "--json").stdout)
    assert one in listed
    assert {"name": "k", "type": "float", "default": "5.0"}.items() <= one["settings"][0].items()


def test_it_lists_what_fits_what_one_has() -> None:
    listed = json.loads(benign("methods", "--having", "forget", "--json").stdout)
    assert {"grad_ascent", "task_arithmetic"} <= {known["name"] for known in listed}
    assert all(known["traits"]["needs"] == ["forget"] for known in listed)


def test_where_nothing_fits_it_says_so() -> None:
    assert "No method fits" in benign("methods", "--training-free", "--guarantee", "exact").stdout


def test_a_name_and_a_wish_are_not_both() -> None:
    run = benign("methods", "smfa", "--axis", "edits")
    assert run.returncode != 0
    assert "not both" in run.stderr


def test_what_it_costs_is_told_where_it_was_measured() -> None:
    known = methods.entry("npo")
    assert known.traits
    free, priced = (replace(known, traits=replace(known.traits, cost=cost)) for cost in (None, Cost(1.5, 2.25)))
    assert "1.5 times NPO's seconds" in _told(priced) and "NPO's seconds" not in _told(free)
    assert priced.traits and free.traits
    assert ["cost", "1.5 times NPO's seconds, 2.2 times its peak memory"] in _facts(priced.traits)
    assert "cost" not in dict(_facts(free.traits))
    assert _facts(free.traits)[-1] == ["paper", "https://arxiv.org/abs/2404.05868"]
