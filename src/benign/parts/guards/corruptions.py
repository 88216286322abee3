"""What corrupting an embedding can mean (ECO, arXiv 2406.07933; names of the official code in brackets)."""

from __future__ import annotations

import hashlib
from typing import Literal

import torch
from torch import Tensor

Kind = Literal["noise_first", "noise_top", "zero_first", "zero_top", "flip_first", "flip_top"]
"""Gaussian noise, zero or the other sign; on the first entries or on the largest in size. [``rand_noise_first_n``,
``rand_noise_top_k``, ``zero_out_first_n``, ``zero_out_top_k``, ``flip_sign_first_n``, ``flip_sign_top_k``]"""


def corrupted(embedded: Tensor, kind: Kind, dims: int, strength: float, tokens: Tensor) -> Tensor:
    """[n, H] embeddings, corrupted.

    Args:
        embedded: [n, H] the chosen tokens.
        kind: What is done to them.
        dims: How many entries of each get noise.
        strength: The noise's standard deviation; the share of entries that are set to zero or turned.
        tokens: [T] the question that they belong to, of which the noise is a function, so that scores and answers, in
            whatever batch, meet the same noise.
    """
    what, _, where = kind.partition("_")
    width = embedded.shape[-1]
    count = min(width, dims if what == "noise" else round(strength * width))
    largest = embedded.abs().topk(count, dim=-1).indices
    places = largest if where == "top" else torch.arange(count, device=embedded.device).expand(len(embedded), count)
    before = embedded.gather(-1, places)
    if what == "noise":
        after = before + strength * _noise(tokens, len(embedded), count).to(embedded)
    else:
        after = torch.zeros_like(before) if what == "zero" else -before
    return embedded.scatter(-1, places, after)


def _noise(tokens: Tensor, rows: int, count: int) -> Tensor:
    """[rows, count] standard normal numbers, always the same ones for these tokens."""
    digest = hashlib.sha256(",".join(map(str, tokens.tolist())).encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
    return torch.randn(rows, count, generator=generator)
