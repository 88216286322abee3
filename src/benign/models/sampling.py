"""Answers by chance, one uniform number per token: the same number chooses the same token in whatever batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from transformers import LogitsProcessor


@dataclass(frozen=True, eq=False)
class Sampling:
    """How the next tokens of a batch are drawn."""

    uniforms: Tensor
    """[records, tokens] float64 numbers in [0, 1), one for every token that may be generated."""
    temperature: float = 1.0
    """Divides the logits."""
    top_p: float = 1.0
    """Nucleus sampling (Holtzman et al. 2020, arXiv 1904.09751): the smallest set of likeliest tokens whose
    probability reaches this is drawn from."""

    def __post_init__(self) -> None:
        if not self.temperature > 0 or not 0 < self.top_p <= 1:
            raise ValueError("the temperature must be above 0 and top_p within (0, 1]")

    def chooser(self, rows: Tensor, prompt: int) -> LogitsProcessor:
        """What leaves each of the batch's ``rows`` one token at each step, after a prompt of so many tokens."""
        return _Chooser(self, rows.cpu(), prompt)


def uniforms(seeds: Sequence[int], tokens: int) -> Tensor:
    """[seeds, tokens] uniform numbers, each row a function of its own seed (PCG64)."""
    drawn = [np.random.Generator(np.random.PCG64(seed)).random(tokens) for seed in seeds]
    return torch.from_numpy(np.stack(drawn)) if drawn else torch.zeros(0, tokens, dtype=torch.float64)


def drawn(logits: Tensor, uniform: Tensor, sampling: Sampling) -> Tensor:
    """[rows] the tokens that the uniform numbers [rows] choose from logits [rows, V]: inversion over the likeliest
    first, so that the last bits of a probability rarely matter."""
    probability, order = (logits.double() / sampling.temperature).softmax(-1).sort(dim=-1, descending=True, stable=True)
    total = probability.cumsum(-1)
    # A token is kept if what comes before it has not reached top_p; the first one always is.
    reach = torch.where(total - probability < sampling.top_p, total, 0).amax(-1, keepdim=True)
    place = torch.searchsorted(total, uniform[:, None].to(total.device) * reach, right=True)
    return order.gather(-1, place.clamp(max=logits.shape[-1] - 1)).squeeze(-1)


class _Chooser(LogitsProcessor):
    def __init__(self, sampling: Sampling, rows: Tensor, prompt: int) -> None:
        self._sampling = sampling
        self._uniforms = sampling.uniforms[rows]
        self._prompt = prompt

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Everything but the drawn token is ruled out."""
        tokens = drawn(scores, self._uniforms[:, input_ids.shape[1] - self._prompt], self._sampling)
        return torch.full_like(scores, -torch.inf).scatter(-1, tokens[:, None], 0.0)
