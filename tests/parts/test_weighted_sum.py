"""The weighted sum of separate gradients is the gradient of the summed loss."""

import torch

from benign.parts.updates.weighted_sum import WeightedSum


def test_it_equals_the_gradient_of_the_sum() -> None:
    weight = torch.tensor([1.0, -2.0, 3.0], requires_grad=True)
    losses = {"forget": -(weight**2).sum(), "retain": 0.5 * weight.sin().sum()}
    apart = {name: torch.autograd.grad(loss, [weight], retain_graph=True) for name, loss in losses.items()}
    (whole,) = torch.autograd.grad(sum(losses.values()), weight)
    torch.testing.assert_close(WeightedSum()(apart)[0], whole)
