"""Token by token: exact memorisation and extraction strength; the last row is the token that ends the turn."""

from __future__ import annotations

import pytest

from audit.answering import many, seen
from benign.audit.metrics.exact_memorisation import exact_memorisation
from benign.audit.metrics.extraction_strength import extraction_strength, strength
from benign.audit.observation import Observation, Observations
from benign.audit.score import Score
from benign.errors import NotMeasured


def answer(hits: str, **fields: object) -> Observation:
    """1 for a greedy token; the token that ends the turn is greedy, too."""
    greedy = (*(hit == "1" for hit in hits), True)
    return seen(logp=(-1.0,) * len(greedy), greedy=greedy, **fields)


def value(score: Score | NotMeasured) -> float:
    assert isinstance(score, Score), score
    return score.value


@pytest.mark.parametrize(
    ("hits", "memorised", "extracted"),
    [
        ("1111", 1, 1),
        ("0000", 0, 0),
        ("0111", 0.75, 0.75),
        ("1110", 0.75, 0),
        ("1011", 0.75, 0.5),
        ("0001", 0.25, 0.25),
    ],
)  # fmt: skip
def test_by_hand(hits: str, memorised: float, extracted: float) -> None:
    assert value(exact_memorisation(many(answer(hits)))) == memorised
    assert value(extraction_strength(many(answer(hits)))) == extracted


def test_the_peers_floor_is_not_ours() -> None:
    """OpenUnlearning's loop has no k = n: of four tokens a wrong last one scores 1/4, as if it alone were right."""
    assert strength(answer("1110"), "open_unlearning") == strength(answer("0001"), "open_unlearning") == 0.25
    assert strength(answer("1110")) == 0.0
    assert strength(answer("0001")) == 0.25


def test_a_document_has_no_token_that_ends_it() -> None:
    assert value(exact_memorisation(many(answer("000", question="")))) == 0.25


def test_nothing_to_see_is_said() -> None:
    for metric in (exact_memorisation, extraction_strength):
        assert metric(Observations()) == NotMeasured("no answers were scored token by token")
        assert isinstance(metric(many(seen(logp=(-1.0,), greedy=(True,)))), NotMeasured), "the end token alone"
