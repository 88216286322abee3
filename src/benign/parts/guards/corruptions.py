"""What corrupting an embedding can mean (ECO, arXiv 2406.07933; names of the official code in brackets)."""

from __future__ import annotations

import hashlib
from typing import Literal

import torch
from torch import Tensor

Kind = Literal[
    "noise_first", "noise_top", "noise_any", "set_first", "zero_first", "zero_top", "flip_first", "flip_top",
    "less_first", "less_top", "more_first", "more_least",
]  # fmt: skip
"""What is done, and to which entries of a token. ``noise`` adds Gaussian noise, ``set`` puts noise alone, ``less`` and
``more`` subtract and add the strength, ``zero`` and ``flip`` take away and turn. ``first`` are the first entries,
``top`` those of the largest size (of ``less`` the largest ones), ``least`` the smallest ones, ``any`` some that the
question decides.

[``rand_noise_first_n``, ``rand_noise_top_k``, ``rand_noise_rand_n``, ``set_rand_noise_first_n``, ``zero_out_first_n``,
``zero_out_top_k``, ``flip_sign_first_n``, ``flip_sign_top_k``, ``sub_value_first_n``, ``sub_value_top_k``,
``add_value_first_n``, ``add_value_least_k``. Left out: ``reverse_order`` and ``shuffle``, which heed no choice of
tokens; ``set_rand_noise_first_n`` spoils the tokens that are not chosen too.]"""


def corrupted(embedded: Tensor, kind: Kind, dims: int, strength: float, tokens: Tensor) -> Tensor:
    """[n, H] embeddings, corrupted.

    Args:
        embedded: [n, H] the chosen tokens.
        kind: What is done to them.
        dims: How many entries of each are changed, unless they are set to zero or turned.
        strength: The noise's standard deviation, or what is added or subtracted; the share of entries that are set to
            zero or turned.
        tokens: [T] the question that they belong to, of which chance is a function, so that scores and answers, in
            whatever batch, meet the same noise.
    """
    what, _, where = kind.partition("_")
    width, chance = embedded.shape[-1], _chance(tokens)
    count = min(width, round(strength * width) if what in ("zero", "flip") else dims)
    places = _places(embedded, what, where, count, chance)
    before = embedded.gather(-1, places)
    if what in ("noise", "set"):
        noise = strength * torch.randn(len(embedded), count, generator=chance).to(embedded)
        after = before + noise if what == "noise" else noise
    elif what in ("less", "more"):
        after = before - strength if what == "less" else before + strength
    else:
        after = torch.zeros_like(before) if what == "zero" else -before
    return embedded.scatter(-1, places, after)


def _places(embedded: Tensor, what: str, where: str, count: int, chance: torch.Generator) -> Tensor:
    """[n, count] the entries of each token that are changed."""
    if where in ("first", "any"):
        width = embedded.shape[-1]
        order = torch.randperm(width, generator=chance) if where == "any" else torch.arange(width)
        return order[:count].to(embedded.device).expand(len(embedded), count)
    sizes = embedded if what in ("less", "more") else embedded.abs()
    return sizes.topk(count, dim=-1, largest=where == "top").indices


def _chance(tokens: Tensor) -> torch.Generator:
    """What is drawn of it is always the same for these tokens."""
    digest = hashlib.sha256(",".join(map(str, tokens.tolist())).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
