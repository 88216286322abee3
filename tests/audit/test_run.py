"""An audit of the embedded model with everything asked for, on the questions about a few people."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benign.audit.observe import Samples
from benign.audit.run import Audit, Candidate, Settings, audit
from benign.audit.score import Row, Score
from benign.audit.views import TEXT_ONLY, WRAPPED
from benign.benchmarks.smllmun import SMLLMUn
from benign.data.record import Data
from benign.engine.serve import Served
from benign.errors import NotMeasured
from benign.models.load import load
from benign.report.build import _facts


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    bench = SMLLMUn(10, 0)
    whole = bench.evaluation()
    memory = [record for record in whole.forget if record.kind == "memory" and record.images]
    # The last of them stand for people whom the retrained model does not know either.
    data = Data(forget=tuple(memory[:24]), holdout=tuple(replace(r, id=f"h/{r.id}") for r in memory[24:40]))
    retrained = load(bench.retrained)
    return audit(
        load(bench.original),
        [Candidate("copy", Served(retrained))],
        data,
        out=tmp_path_factory.mktemp("audit"),
        retrained=retrained,
        settings=Settings(attacks=(), paraphrases=0, max_new_tokens=6, samples=Samples(4), views=(TEXT_ONLY, WRAPPED)),
    )


def row(audit: Audit, method: str) -> Row:
    found = audit.scoreboard.row(method)
    assert found is not None
    return found


def value(audit: Audit, method: str, name: str) -> float:
    score = row(audit, method).metrics[name]
    assert isinstance(score, Score), score
    return score.value


def test_every_row_is_measured_beside_both_references(found: Audit) -> None:
    """The original, too, although it is observed before the retrained model."""
    assert value(found, "original", "forget_quality") < 1e-6
    assert value(found, "retrained", "forget_quality") == value(found, "copy", "forget_quality") == 1.0


def test_the_model_that_knows_is_told_from_the_one_that_does_not(found: Audit) -> None:
    for name, apart in (("memory_extraction", 0.5), ("memory_truth", 0.3), ("memory_tokens", 0.5), ("leak_at_4", 0.5)):
        assert value(found, "original", name) > value(found, "copy", name) + apart, name
    # Both models met the people of the holdout set as much as those of the forget set: nothing to tell apart.
    assert 0.2 < value(found, "copy", "membership_auc") < 0.8


def test_what_was_asked_for_was_observed(found: Audit) -> None:
    seen = found.observations["copy"]
    assert {o.view for o in seen} == {"as_is", "text_only", "wrapped"}
    assert all(len(o.samples) == (4 if o.split == "forget" and o.view == "as_is" else 0) for o in seen)
    assert {len(o.perturbed) for o in seen.where(split="forget", view="as_is")} == {3}


def test_what_was_left_out_is_counted(found: Audit) -> None:
    assert found.asked == {"forget": (24, 24), "holdout": (16, 16)}
    left_out = found.data.holdout[3].id
    seen = {**found.observations, "original": found.observations["original"].only(lambda o: o.record != left_out)}
    assert _facts(replace(found, observations=seen))["records"] == (
        "24 forget, 15 of 16 holdout (the others were not asked)"
    )


def test_what_is_not_there_is_said(found: Audit) -> None:
    assert row(found, "copy").metrics["over_forgetting"] == NotMeasured(
        "no memory questions with a picture in the neighbour set"
    )
    assert row(found, "copy").metrics["memo"] == NotMeasured(
        "no memory questions after a beginning of the answer in the forget set"
    )
