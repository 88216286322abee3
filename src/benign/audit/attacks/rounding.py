"""Round-to-nearest quantisation: a weight becomes a whole number of steps, and is read back as such."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import pad


def rounded(weight: Tensor, bits: int, group: int | None = None) -> Tensor:
    """[..., in] the weight after symmetric round-to-nearest, in its own type.

    Each row, or each run of ``group`` inputs of a row, has a step of its own: its largest magnitude over
    2^(bits - 1) - 1. Halves go to the even number. A change smaller than half a step is rounded away, which is why
    quantisation can undo an unlearning made of small changes (arXiv 2410.16454).
    """
    length = weight.shape[-1]
    size = group or length
    full = pad(weight.float(), (0, -length % size))
    full = full.reshape(*weight.shape[:-1], full.shape[-1] // size, size)
    step = full.abs().amax(-1, keepdim=True) / (2 ** (bits - 1) - 1)
    # A run of zeros has no step and stays what it is.
    whole: Tensor = (full / step.where(step > 0, 1.0)).round() * step
    return whole.flatten(-2)[..., :length].to(weight.dtype)
