"""The diagnostics on the text model that ships: the original is found out and the retrained one is not."""

from __future__ import annotations

import pytest

from audit.inner import silent
from benign.audit.diagnostics import Diagnosis, catalogue
from benign.audit.score import Score
from benign.engine.serve import Served
from benign.models.embedded.text import world
from benign.models.load import load

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def systems() -> tuple[Served, Served]:
    return Served(load("embedded:lm")), Served(load("embedded:lm-retrained-10"))


def ends(name: str, systems: tuple[Served, Served]) -> tuple[float, float, Diagnosis]:
    """The score of the original and of the retrained model, each in the place of the unlearned one."""
    original, retrained = systems
    found = [catalogue.find(name)(one, original, retrained, world.splits(10), silent) for one in systems]
    values = [d.score.value for d in found if isinstance(d.score, Score)]
    return values[0], values[1], found[1]


@pytest.mark.parametrize("name", ["depth", "lens", "cka"])
def test_erasure_is_none_and_whole(name: str, systems: tuple[Served, Served]) -> None:
    before, after, found = ends(name, systems)
    assert (before, after) == pytest.approx((0, 1), abs=1e-5)
    if name == "depth":
        assert all(share is not None and share > 0.9 for share in found.layers["encoding"])


@pytest.mark.parametrize("name", ["grad_norm", "remind"])
def test_members_are_found_in_the_original_only(name: str, systems: tuple[Served, Served]) -> None:
    before, after, _ = ends(name, systems)
    assert before > 0.9 and abs(after - 0.5) < 0.1


def test_answers_are_read_from_the_originals_states_only(systems: tuple[Served, Served]) -> None:
    before, after, found = ends("probe", systems)
    chance = found.layers["chance"][0]
    assert chance is not None and before > 0.85 and after < chance + 0.06
    curve = [share for share in found.layers["original"] if share is not None]
    assert curve == sorted(curve), "each layer knows more than the one below"
