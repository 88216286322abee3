"""A logistic regression that tells forgotten questions from others by the model's own states."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_FOLDS = 5


class Detector:
    """p = sigmoid(states w + b).

    Args:
        weight: [H].
        bias: [1].
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self.weight = weight
        self.bias = bias

    @classmethod
    def trained(cls, positive: Tensor, negative: Tensor, ridge: float) -> Detector:
        """The minimum of the mean cross-entropy, both classes weighing the same, plus ``ridge`` |w|^2: found in float64
        on standardised states.

        Args:
            positive: [n, H] states of what it is to fire on.
            negative: [m, H] states of what it is not to fire on.
            ridge: The penalty.
        """
        states = torch.cat([positive, negative]).double()
        labels = torch.cat([torch.ones(len(positive)), torch.zeros(len(negative))]).double()
        share = torch.where(labels > 0, 0.5 / len(positive), 0.5 / len(negative))
        centre, scale = states.mean(0), states.std(0, correction=0).clamp(min=1e-9)
        states = (states - centre) / scale
        parameters = torch.zeros(states.shape[1] + 1, dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.LBFGS([parameters], max_iter=300, tolerance_grad=1e-9, line_search_fn="strong_wolfe")

        def loss() -> Tensor:
            optimizer.zero_grad()
            found = functional.binary_cross_entropy_with_logits(
                states @ parameters[:-1] + parameters[-1], labels, weight=share, reduction="sum"
            )
            found = found + ridge * parameters[:-1].square().sum()
            found.backward()  # type: ignore[no-untyped-call]
            return found

        with torch.enable_grad():
            optimizer.step(loss)  # type: ignore[no-untyped-call]
        weight = parameters.detach()[:-1] / scale
        return cls(weight.float(), (parameters.detach()[-1:] - centre @ weight).float())

    def probability(self, states: Tensor) -> Tensor:
        """[records] how sure it is, from [records, H] states."""
        weight, bias = (tensor.to(states.device).double() for tensor in (self.weight, self.bias))
        return torch.sigmoid(states.double() @ weight + bias)


def doubted(positive: Tensor, negative: Tensor, ridge: float, threshold: float) -> tuple[float, float]:
    """(recall, share of false positives) on records that the detector was not trained on: every fifth is left out in
    turn."""
    hits: list[bool] = []
    alarms: list[bool] = []
    for fold in range(_FOLDS):
        parts = [(torch.arange(len(states)) % _FOLDS == fold, states) for states in (positive, negative)]
        if any(out.all() or not out.any() for out, _ in parts):
            continue
        seen_positive, seen_negative = (states[~out] for out, states in parts)
        detector = Detector.trained(seen_positive, seen_negative, ridge)
        for (out, states), into in zip(parts, (hits, alarms), strict=True):
            into += (detector.probability(states[out]) > threshold).tolist()
    return sum(hits) / max(1, len(hits)), sum(alarms) / max(1, len(alarms))
