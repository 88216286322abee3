"""The coreset control: the same method on a part of the forget set, behind the method in the table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benign.audit.score import Row, Scoreboard
from benign.benchmarks.coresets import with_coresets
from benign.benchmarks.experiment import Experiment, read_experiment, save_experiment
from benign.benchmarks.results import Measured, save_measured, save_references, scoreboards
from benign.benchmarks.run import experiments_of
from benign.cli.bench import _shares
from benign.engine.recipe import Method, Train
from benign.errors import UserError
from benign.methods.guard import GUARD
from benign.methods.manu import MANU
from benign.methods.mu_coreset import MUCoreset
from benign.methods.npo import NPO
from benign.methods.retrain import Retrain
from benign.parts.weightings.random_coreset import RandomCoreset

BASE = Experiment("tofu", "npo", NPO(beta=0.3), (5, 10), (0, 1))


def test_each_share_is_an_experiment_behind_its_method() -> None:
    other = Experiment("tofu", "idk", experiments_of("tofu", ("idk",), None, (0,))[0].method, (5,), (0,))
    made = with_coresets((BASE, other), (0.05, 0.1, 0.025))
    assert [e.name for e in made] == [
        "npo", "npo_coreset_05", "npo_coreset_10", "npo_coreset_2_5",
        "idk", "idk_coreset_05", "idk_coreset_10", "idk_coreset_2_5",
    ]  # fmt: skip
    assert made[0] is BASE and (made[1].settings, made[1].seeds) == (BASE.settings, BASE.seeds)
    [stage], [plain] = made[2].method.recipe().stages, BASE.method.recipe().stages
    assert isinstance(stage, Train) and isinstance(plain, Train)
    assert [term.weighting for term in stage.terms] == [RandomCoreset(0.1), None]
    assert (stage.optim, stage.terms[1], stage.terms[0].objective) == (
        plain.optim,
        plain.terms[1],
        plain.terms[0].objective,
    )


def test_a_control_has_none_of_its_own_and_nothing_is_asked_of_what_sees_no_forget_set() -> None:
    control = with_coresets((BASE,), (0.1,))[1]
    assert with_coresets((control,), (0.1,)) == (control,)
    methods: tuple[Method, ...] = (MANU(), Retrain(base="embedded:lm"), GUARD(), MUCoreset())
    assert [len(with_coresets((Experiment("tofu", "x", m, (5,), (0,)),), (0.1,))) for m in methods] == [1] * 4
    assert with_coresets((BASE,), ()) == (BASE,)


def test_a_control_survives_its_file(tmp_path: Path) -> None:
    control = with_coresets((BASE,), (0.1,))[1]
    save_experiment(tmp_path, control)
    path = tmp_path / "tofu" / "npo_coreset_10.json"
    assert read_experiment(path) == control
    assert json.loads(path.read_text())["method"]["weighting"]["share"] == 0.1


def test_the_table_has_the_control_behind_its_method(tmp_path: Path) -> None:
    save_references(tmp_path, "tofu", 5, Scoreboard("", "", ()))
    for experiment in with_coresets((BASE, Experiment("tofu", "idk", NPO(), (5,), (0,))), (0.1, 0.05)):
        row = Row(experiment.name, {}, seconds=1.0, peak_rss_mb=1.0, seed=0)
        save_measured(tmp_path, experiment, [Measured(5, row, "0")])
    found = [row.method for row in scoreboards(tmp_path, "tofu", ("npo", "idk"))[5].rows]
    assert found == ["npo", "npo_coreset_05", "npo_coreset_10", "idk", "idk_coreset_05", "idk_coreset_10"]


def test_shares_of_the_command_line() -> None:
    assert _shares("0.05, 0.1,0.05") == (0.05, 0.1) and _shares(None) == ()
    for wrong in ("5", "0", "a", "0.1,-1"):
        with pytest.raises(UserError, match="--coreset"):
            _shares(wrong)
