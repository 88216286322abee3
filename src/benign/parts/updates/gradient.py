"""Sums and products of gradients: a gradient is one vector, stored as one tensor per parameter."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from benign.models.shard import added_up
from benign.parts.updates import Gradient


def dot(left: Gradient, right: Gradient) -> float:
    """The inner product over all parameters together, with the parts that other processes have of them;
    half-precision entries are multiplied in float32."""
    return added_up([(_full(a) * _full(b)).sum() for a, b in zip(left, right, strict=True)])


def norm(gradient: Gradient) -> float:
    """The Euclidean length over all parameters together."""
    return math.sqrt(dot(gradient, gradient))


def scaled(factor: float, gradient: Gradient) -> Gradient:
    """``factor * gradient``."""
    return tuple(factor * way for way in gradient)


def axpy(factor: float, moved: Gradient, base: Gradient) -> Gradient:
    """``factor * moved + base``."""
    return tuple(factor * a + b for a, b in zip(moved, base, strict=True))


def total(gradients: Sequence[Gradient]) -> Gradient:
    """The sum of one or more gradients."""
    joined = gradients[0]
    for gradient in gradients[1:]:
        joined = axpy(1.0, gradient, joined)
    return joined


def without(gradient: Gradient, direction: Gradient) -> Gradient:
    """``gradient`` less its component along ``direction``; unchanged where ``direction`` is zero."""
    square = dot(direction, direction)
    return axpy(-dot(gradient, direction) / square, direction, gradient) if square > 0 else gradient


def _full(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor
