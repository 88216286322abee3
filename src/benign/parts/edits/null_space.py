"""AlphaEdit's closed form (Fang et al. 2025, arXiv 2410.02355), which UniErase (arXiv 2505.15674) edits with.

Some inputs of a linear module get new values, and those that are protected keep theirs.
"""

from __future__ import annotations

import torch
from torch import Tensor

from benign.errors import UserError


def free_directions(moment: Tensor, threshold: float) -> Tensor:
    """[in, free] float64, an orthonormal basis Q of the directions in which the protected inputs have next to nothing.

    AlphaEdit's projector P is Q Q^T.

    Args:
        moment: [in, in] the mean of k k^T over the protected inputs k.
        threshold: Eigenvalues below it count as nothing (AlphaEdit's code: 0.02), in the squared units of k.

    Raises:
        UserError: There is no such direction.
    """
    values, vectors = torch.linalg.eigh(moment.double())
    free: Tensor = vectors[:, values < threshold]
    if not free.shape[1]:
        raise UserError(
            f"the protected inputs fill every direction: the smallest eigenvalue is {float(values[0]):.3g}",
            where="threshold",
            fix=f"raise it (the median eigenvalue is {float(values.median()):.3g}), or protect fewer records",
        )
    found: Tensor = free
    return found


def rewriting(free: Tensor, keys: Tensor, residual: Tensor, past: Tensor, ridge: float) -> Tensor:
    """[out, in] the change D of a weight: D^T = (P (K K^T + C) + ridge I)^-1 P K R^T, P the projector on ``free``.

    It moves the outputs of the keys K towards R as far as the ridge lets it, those of protected inputs (P k = 0) not at
    all, and those of earlier keys, whose K K^T are summed in C, little. With P = I and C = 0 it is ridge regression,
    R K^T (K K^T + ridge I)^-1. Computed within the free directions, where the matrix is smaller and symmetric:
    D^T = Q (Q^T (K K^T + C) Q + ridge I)^-1 Q^T K R^T.

    Args:
        free: [in, free] Q.
        keys: [in, n] inputs of the module.
        residual: [out, n] what is to be added to its outputs.
        past: [in, in] C.
        ridge: lambda, above 0; infinity changes nothing.

    Raises:
        UserError: The ridge is not above 0: a few keys in many directions would have no unique change.
    """
    if not ridge > 0:
        raise UserError(f"the ridge must be above 0, got {ridge}", where="ridge", fix="for example 1e-6")
    q = free.double()
    k = q.T @ keys.double()
    left = k @ k.T + q.T @ past.double() @ q + ridge * torch.eye(q.shape[1], dtype=q.dtype, device=q.device)
    found: Tensor = torch.linalg.solve(left, k @ residual.double().T).T @ q.T
    return found
