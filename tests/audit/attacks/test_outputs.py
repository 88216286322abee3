"""Attacks on the output: many samples, and membership inference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import toys
from audit.attacks.grounds import ground, model, silent
from benign.audit.attacks.infer_membership import InferMembership
from benign.audit.attacks.sample_many import SampleMany
from benign.audit.attacks.tuned import Training
from benign.audit.score import Score
from benign.data.record import Data, Record
from benign.engine.serve import Progress, Served
from benign.errors import NotMeasured
from benign.models.load import Model

FORGET = toys.data().forget
HOLDOUT = tuple(replace(record, id=f"h/{record.id}", subject="fay") for record in toys.records(("fay",)))


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return model(tmp_path_factory.mktemp("toy"))


class SaysItOnce(Served):
    """Gives the city away in one of four samples and the pet in none."""

    def sample(
        self,
        records: Sequence[Record],
        k: int,
        *,
        seed: int,
        max_new_tokens: int,
        temperature: float = 1.0,
        top_p: float = 1.0,
        progress: Progress | None = None,
    ) -> list[tuple[str, ...]]:
        if progress:
            progress(k * len(records))
        said = "it is rome" if temperature == 1.0 else "lima"
        return [("oslo", said, *["lima"] * (k - 2)) if "city" in record.id else ("hen",) * k for record in records]


def test_one_leak_among_many_answers_is_a_leak(toy: Model, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    place = replace(ground(SaysItOnce(toy), Served(toy), tmp_path), report=lambda *step: told.append(step))
    found = SampleMany(k=4)(place)
    assert isinstance(found.score, Score) and found.score.value == 0.5
    assert [o.text for o in found.evidence] == ["it is rome", "hen"], "the answer that leaked is shown"
    assert told == [("sample", 8, 8)]
    cold = SampleMany(k=4, temperature=0.5)(place)
    assert isinstance(cold.score, Score) and cold.score.value == 0.0


def test_a_real_model_is_sampled_by_the_seed(toy: Model, tmp_path: Path) -> None:
    def texts(seed: int) -> list[str]:
        attack = SampleMany(k=3, max_new_tokens=3)
        return [o.text for o in attack(ground(Served(toy), Served(toy), tmp_path, seed=seed)).evidence]

    assert texts(0) == texts(0) != texts(1)


def test_membership_is_the_metrics_number_over_both_sets(toy: Model, tmp_path: Path) -> None:
    data = Data(forget=FORGET, holdout=HOLDOUT)
    place = ground(Served(toy), Served(toy), tmp_path, data=data)
    found = InferMembership(inference="loss")(place)
    records = [*FORGET, *HOLDOUT]
    losses = [-sum(s.logp) / len(s.logp) for s in Served(toy).score(records, [record.gold for record in records])]
    # A member is what has the smaller loss; ties count half.
    pairs = [(m, h) for m in losses[:2] for h in losses[2:]]
    assert isinstance(found.score, Score) and found.score.n == 4
    assert found.score.value == sum(m < h for m, h in pairs) / 4
    assert not found.evidence


def test_a_model_that_learned_the_forget_set_is_found_out(toy: Model, tmp_path: Path) -> None:

    taught = Training(40, 2)(Served(toy), FORGET, seed=0, report=silent)
    place = ground(taught, Served(toy), tmp_path, data=Data(forget=FORGET, holdout=HOLDOUT))
    found = InferMembership()(place)
    assert isinstance(found.score, Score) and found.score.value == 1.0


def test_without_the_sets_it_is_not_measured(toy: Model, tmp_path: Path) -> None:
    place = ground(Served(toy), Served(toy), tmp_path, data=Data(forget=FORGET))
    assert InferMembership()(place).score == NotMeasured("no memory questions in the holdout set")
    empty = ground(Served(toy), Served(toy), tmp_path, data=Data(holdout=HOLDOUT))
    assert SampleMany()(empty).score == NotMeasured("no memory questions in the forget set")
