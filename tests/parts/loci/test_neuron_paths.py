"""The score of a neuron beside a path, by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from benign.errors import UserError
from benign.parts.loci.neuron_paths import NeuronPaths

# Two tokens, one point of the integral. The first layer has three neurons, the second two.
FIRST, FIRST_SLOPE = (
    torch.tensor([[1.0, 2.0, 3.0], [0.0, 1.0, -1.0]]),
    torch.tensor([[[1.0, -1.0, 2.0], [1.0, 3.0, 1.0]]]),
)
SECOND, SECOND_SLOPE = torch.tensor([[4.0, -1.0], [2.0, 0.5]]), torch.tensor([[[0.5, 1.0], [-2.0, 4.0]]])


def of(paths: NeuronPaths, *path: list[int]) -> list[float]:
    found: list[float] = paths.scores(
        [FIRST, SECOND][: len(path) + 1], [FIRST_SLOPE, SECOND_SLOPE][: len(path) + 1], list(map(torch.tensor, path))
    ).tolist()
    return found


def test_without_a_path_it_is_the_integrated_gradient_over_the_tokens() -> None:
    # 1 * 1 + 0 * 1, 2 * -1 + 1 * 3, 3 * 2 + -1 * 1
    assert of(NeuronPaths()) == [1.0, 1.0, 5.0]
    assert of(NeuronPaths(of="loss")) == [-1.0, -1.0, -5.0]
    # 1 * 1 + 0, 2 * 1 + 1 * 9, 3 * 4 - 1 * 1: the sign is that of the activation.
    assert of(NeuronPaths(integrand="fisher")) == of(NeuronPaths(integrand="fisher", of="loss")) == [1.0, 11.0, 11.0]


def test_beside_a_path_both_sums_run_over_all_of_it() -> None:
    # The path's first and last neuron add 4 and -1 to the activations and 3 and 2 to the gradients of the two tokens:
    # (4 + 4) (0.5 + 3) + (2 - 1) (-2 + 2) and (-1 + 4) (1 + 3) + (0.5 - 1) (4 + 2).
    assert of(NeuronPaths(), [0, 2]) == [28.0, 9.0]
    # Squared first: 5 and 2. (8) (0.25 + 5) + (1) (4 + 2) and (3) (1 + 5) + (-0.5) (16 + 2).
    assert of(NeuronPaths(integrand="fisher"), [0, 2]) == [48.0, 9.0]


def test_the_integral_is_the_mean_over_its_points() -> None:
    points = torch.stack([FIRST_SLOPE[0], 3 * FIRST_SLOPE[0]])
    assert NeuronPaths().scores([FIRST], [points], []).tolist() == [2.0, 2.0, 10.0]
    assert NeuronPaths(integrand="fisher").scores([FIRST], [points], []).tolist() == [5.0, 55.0, 55.0]


def test_the_best_are_the_largest_and_of_equals_the_first() -> None:
    def best(*scores: float) -> list[int]:
        found: Tensor = NeuronPaths(top_k=2).best(torch.tensor(scores))
        return list(found.tolist())

    assert best(1.0, 3.0, 2.0) == [1, 2] and best(1.0, 0.0, 1.0, 1.0) == [0, 2]
    assert best(-1.0, -3.0, -2.0) == [0, 2], "a path goes on where nothing speaks for the answer"
    assert best(0.0, 0.0) == [], "and ends nowhere where nothing reaches it"


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"top_k": 0}])
def test_numbers_that_make_no_path_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="at least one step and one neuron"):
        NeuronPaths(**wrong).checked()
