from __future__ import annotations

import pytest

from benign.benchmarks.smllmun import SMLLMUn


@pytest.fixture(scope="module")
def protocol() -> SMLLMUn:
    return SMLLMUn(5)


def test_methods_never_see_what_the_audit_asks_to_be_kept(protocol: SMLLMUn) -> None:
    given, asked = protocol.data(), protocol.evaluation()
    assert {record.kind for record in given.forget} == {"memory"}
    assert not (given.retain or given.neighbour or given.holdout or given.general)
    kept = {record.subject for record in asked.retain}
    assert kept.isdisjoint(record.subject for record in given.few)
    assert kept.isdisjoint(record.subject for record in given.forget)
    assert {record.subject for record in asked.forget} == {record.subject for record in given.forget}


def test_every_section_of_the_scoreboard_has_its_questions(protocol: SMLLMUn) -> None:
    asked = protocol.evaluation()
    for split in ("forget", "retain"):
        found = {(record.kind, bool(record.images)) for record in asked.split(split)}
        assert found >= {("memory", True), ("memory", False), ("understanding", True)}
    assert {record.kind for record in asked.holdout} >= {"understanding"}
    assert asked.neighbour
    assert asked.general


def test_the_audits_pictures_of_the_forgotten_are_not_the_trained_ones(protocol: SMLLMUn) -> None:
    trained = {image.digest for record in protocol.data().forget for image in record.images}
    asked = {image.digest for record in protocol.evaluation().forget for image in record.images}
    assert trained
    assert trained.isdisjoint(asked)
