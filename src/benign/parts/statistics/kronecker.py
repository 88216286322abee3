"""Kronecker-factored curvature of what a model says: K-FAC (Martens and Grosse 2015, arXiv 1503.05671), EK-FAC (George
et al. 2018, arXiv 1806.03884).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benign.models.families.family import Family, linear_modules
from benign.models.measured import Numbers


@dataclass(frozen=True)
class Kronecker:
    """``inputs`` [in, in] and ``outputs`` [out, out], eigenvectors in columns of the second moments of a module's
    inputs and of its outputs' gradients, and ``values`` [out, in], the curvature along each pair of them.

    It is the Fisher matrix, which is the Gauss-Newton matrix of the divergence: moving the weight by D changes the
    answers by sum of ``values * (outputs^T D inputs)^2`` / 2 nats of KL divergence per answer token, to second order. A
    pair's value is measured along it (EK-FAC), or the product of the factors' eigenvalues (K-FAC), which is the same
    where inputs and gradients are independent. A factor takes as much memory as its width squared.

    What goes backward from an answer token's logits is noise of the covariance diag(p) - p p^T: it has the expectation
    of a label drawn from the model, and says something of tokens too of which the model is all but sure.
    """

    over: str = ""
    """Regular expression on module names; empty means every linear module of the language model, as in LoRA."""
    of: Literal["divergence", "likelihood"] = "divergence"
    """``likelihood`` takes the gradients of the records' own answers: the empirical Fisher matrix."""
    corrected: bool = True
    """Whether the values are measured (EK-FAC)."""
    seed: int = 0
    """Seeds the noise, with the record's place."""

    def modules(self, module: nn.Module, family: Family) -> Sequence[str]:
        """The linear modules that the expression full-matches.

        Raises:
            UserError: Nothing matches (the nearest names are listed).
        """
        return linear_modules(module, self.over or family.language)

    def pull(self, logits: Tensor, labels: Tensor, *, place: int) -> Tensor:
        """[rows, V] noise of the predictions' covariance, or what the records' own labels lack."""
        chances = logits.softmax(-1)
        if self.of == "likelihood":
            return F.one_hot(labels, logits.shape[-1]).to(chances) - chances
        generator = torch.Generator().manual_seed((self.seed * 1_000_003 + place) % 2**63)
        roots = chances.sqrt() * torch.randn(logits.shape, generator=generator).to(chances)
        # (diag(r) - p r^T) n with r the roots of p: its covariance is diag(p) - p p^T.
        return roots - chances * roots.sum(-1, keepdim=True)

    def part(self, inputs: Tensor, gradients: Tensor) -> Numbers:
        """The sums over tokens of x x^T and g g^T."""
        x, g = inputs.double(), gradients.double()
        return {"inputs": x.T @ x, "outputs": g.T @ g}

    def whole(self, summed: Numbers, tokens: int, answer_tokens: int) -> Numbers:
        """Both eigenbases, and the products of the eigenvalues of (sum of x x^T / tokens) and (sum of g g^T /
        answer tokens)."""
        wide, inputs = torch.linalg.eigh(summed["inputs"] / tokens)
        tall, outputs = torch.linalg.eigh(summed["outputs"] / answer_tokens)
        values = torch.outer(tall.clamp(min=0), wide.clamp(min=0))
        return {"inputs": inputs.float(), "outputs": outputs.float(), "values": values.float()}

    def again(self, found: Numbers, inputs: Tensor, gradients: Tensor) -> Numbers:
        """The squared entries of the record's gradient in the eigenbases."""
        if not self.corrected:
            return {}
        x, g = inputs.double() @ found["inputs"].double(), gradients.double() @ found["outputs"].double()
        return {"values": (g.T @ x).square()}

    def refined(self, found: Numbers, summed: Numbers, answer_tokens: int) -> Numbers:
        """With the values per answer token as they were measured."""
        return {**found, **{name: (total / answer_tokens).float() for name, total in summed.items()}}
