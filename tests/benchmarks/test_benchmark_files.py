"""The catalogue of benchmarks: found by file, every protocol complete, every preset there."""

from __future__ import annotations

from pathlib import Path

import pytest

from benign.audit.columns import COLUMNS
from benign.benchmarks import catalogue
from benign.benchmarks.protocol import Brought
from benign.benchmarks.run import experiments_of
from benign.errors import UserError

NAMES = (
    "blur-tofu", "blur-rwku", "blur-whp", "blur-wmdp", "clear", "fiubench", "medforget-institution",
    "medforget-patient", "medforget-study", "medforget-section", "mllmu", "muse-news", "muse-books", "muse-requests",
    "rwku", "smllmun", "tofu", "umu", "wmdp-bio", "wmdp-cyber",
)  # fmt: skip


def test_every_module_with_a_protocol_is_a_benchmark() -> None:
    assert catalogue.names() == NAMES
    with pytest.raises(UserError, match=r"unknown benchmark 'tofo'.*did you mean 'tofu'"):
        catalogue.find("tofo")


@pytest.mark.parametrize("name", NAMES)
def test_its_table_shows_what_its_audit_measures(name: str) -> None:
    suite = catalogue.find(name)
    general = {column.name for column in COLUMNS}
    bench = suite.protocol(suite.usual[0])
    own = [column.name for column in bench.columns]
    assert len(set(own)) == len(own) and general.isdisjoint(own)
    assert set(bench.shown) <= general | set(own)
    assert bench.max_new_tokens > 0 and set(suite.usual) <= set(suite.settings)


@pytest.mark.parametrize("name", NAMES)
def test_every_row_of_its_table_has_its_numbers_for_both_worlds(name: str) -> None:
    suite = catalogue.find(name)
    for brought in (Brought(), Brought("data", "model")):
        found = experiments_of(name, None, None, (0,), brought)
        assert [experiment.name for experiment in found] == list(suite.methods)
        assert {experiment.settings for experiment in found} == {suite.usual}
        for experiment in found:
            experiment.method.recipe()


def test_settings_that_are_not_there_are_refused() -> None:
    with pytest.raises(UserError, match=r"--ratios: tofu has no setting 3 \(known: 10, 5, 1\)"):
        experiments_of("tofu", None, (3,), (0,))
    with pytest.raises(UserError, match="unknown method"):
        experiments_of("tofu", ("nope",), None, (0,), Brought("data", "model"))


def test_one_without_files_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="smllmun makes no files"):
        catalogue.find("smllmun").make(tmp_path)
