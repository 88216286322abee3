"""Attacks on the weights at default budgets: a model that knows tells under them, one that does not know does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from audit.attacks.grounds import ground
from benign.audit.attacks import Attack
from benign.audit.attacks.add_noise import AddNoise
from benign.audit.attacks.infer_membership import InferMembership
from benign.audit.attacks.patch_layers import PatchLayers
from benign.audit.attacks.probe import Probe
from benign.audit.attacks.prune import Prune
from benign.audit.attacks.quantise_int4 import QuantiseInt4
from benign.audit.attacks.quantise_int8 import QuantiseInt8
from benign.audit.attacks.questions import facts
from benign.audit.score import Score
from benign.benchmarks.smllmun import SMLLMUn
from benign.data.record import Data
from benign.engine.serve import Served
from benign.models.load import load


@pytest.fixture(scope="module")
def known() -> tuple[Served, Served, Data]:
    bench = SMLLMUn(10, 0)
    whole = bench.evaluation()
    forget, retain = (
        tuple(r for those in facts(part).values() for r in those) for part in (whole.forget, whole.retain)
    )
    return Served(load(bench.original)), Served(load(bench.retrained)), Data(forget=forget, retain=retain)


@pytest.mark.parametrize(
    ("attack", "apart"),
    [
        (QuantiseInt4(most=24), 0.6),
        (QuantiseInt8(most=24), 0.6),
        (Prune(most=24), 0.6),
        (AddNoise(most=24), 0.6),
        (PatchLayers(most=24), 0.6),
        (Probe(others=400), 0.2),
    ],
)
def test_what_a_model_knows_survives_the_attack_and_nothing_is_made_up(
    attack: Attack, apart: float, known: tuple[Served, Served, Data], tmp_path: Path
) -> None:
    original, retrained, data = known
    found = [attack(ground(served, original, tmp_path, data=data)).score for served in (original, retrained)]
    assert all(isinstance(score, Score) for score in found), found
    knows, guesses = (score.value for score in found if isinstance(score, Score))
    assert knows > guesses + apart


def test_members_are_told_from_new_people_in_the_original_only(
    known: tuple[Served, Served, Data], tmp_path: Path
) -> None:
    """The same questions about people whom the original met, and about people whom nobody met."""
    original, retrained, data = known
    data = replace(data, holdout=SMLLMUn(10, 0).evaluation().holdout)
    found = [
        InferMembership(most=64)(ground(served, original, tmp_path, data=data)).score
        for served in (original, retrained)
    ]
    assert all(isinstance(score, Score) and score.n == 128 for score in found), found
    knows, guesses = (score.value for score in found if isinstance(score, Score))
    assert knows > 0.98 and 0.35 < guesses < 0.65
