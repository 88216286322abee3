from __future__ import annotations

import pytest
import torch

from benign.models.sampling import Sampling, drawn, uniforms

LOGITS = torch.tensor([0.1, 0.6, 0.3]).log()


def choose(uniform: float, **settings: float) -> int:
    sampling = Sampling(torch.zeros(1, 1, dtype=torch.float64), **settings)
    return int(drawn(LOGITS[None], torch.tensor([uniform], dtype=torch.float64), sampling))


@pytest.mark.parametrize(("uniform", "token"), [(0.0, 1), (0.599, 1), (0.601, 2), (0.899, 2), (0.901, 0), (0.99999, 0)])
def test_the_likeliest_tokens_come_first(uniform: float, token: int) -> None:
    assert choose(uniform) == token


@pytest.mark.parametrize(
    ("top_p", "uniform", "token"), [(0.5, 0.9999, 1), (0.7, 0.66, 1), (0.7, 0.67, 2), (0.7, 0.9999, 2)]
)
def test_a_nucleus_is_the_smallest_set_that_reaches_top_p(top_p: float, uniform: float, token: int) -> None:
    assert choose(uniform, top_p=top_p) == token


def test_a_temperature_sharpens() -> None:
    assert choose(0.62, temperature=0.5) == 1, "0.36 of 0.46 at half the temperature"
    assert choose(0.79, temperature=0.5) == 2


def test_draws_follow_the_distribution() -> None:
    many = uniforms(range(4000), 1)
    tokens = drawn(LOGITS.expand(4000, 3), many[:, 0], Sampling(many))
    assert (torch.bincount(tokens) / 4000).tolist() == pytest.approx([0.1, 0.6, 0.3], abs=0.025)


def test_a_row_of_uniforms_depends_on_its_own_seed() -> None:
    assert torch.equal(uniforms([7, 8], 5)[1], uniforms([8], 9)[0, :5])


def test_a_ruled_out_token_is_never_drawn() -> None:
    logits = torch.tensor([[-torch.inf, 0.0]])
    assert int(drawn(logits, torch.tensor([0.9999999], dtype=torch.float64), Sampling(torch.zeros(1, 1)))) == 1


@pytest.mark.parametrize("settings", [{"temperature": 0.0}, {"top_p": 0.0}, {"top_p": 1.1}])
def test_settings_that_mean_nothing_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="temperature"):
        Sampling(torch.zeros(1, 1), **settings)
