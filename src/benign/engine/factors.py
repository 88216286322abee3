"""A random low-rank adapter on a model, for the time of a measurement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn

from benign.engine.inject import injected
from benign.models.load import Model
from benign.parts.loci import AdapterShape
from benign.parts.loci.factors import FactorImportance, factor


@contextmanager
def random_factors(model: Model, wanted: FactorImportance, weights: Sequence[str]) -> Iterator[dict[str, nn.Parameter]]:
    """Within it the weights carry an adapter whose factors are drawn from a normal distribution; they, by name.

    Raises:
        UserError: The factors have no spread.
    """
    wanted.checked()
    modules = [name.removesuffix(".weight") for name in weights]
    generator = torch.Generator().manual_seed(wanted.seed)
    with injected(model, modules, AdapterShape(wanted.rank, wanted.alpha, 0.0)) as adapters:
        found: dict[str, nn.Parameter] = {}
        for weight, module in zip(weights, modules, strict=True):
            for side in "AB":
                parameter = adapters.factor(module, side)
                with torch.no_grad():
                    parameter.copy_(wanted.sigma * torch.randn(parameter.shape, generator=generator))
                found[factor(weight, side)] = parameter
        yield found
