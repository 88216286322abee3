"""A part of low rank taken out of a weight, so that training begins where it matters for what is forgotten."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from benign.errors import UserError
from benign.models.change import LowRank
from benign.parts.loci import AdapterShape


def row_weights(forget: Tensor, retain: Tensor, *, damping: float, floor: float) -> Tensor:
    """[out] the root of each row's sum of forget over (retain + damping mean(retain) + floor), [out, in] importances.

    The weights of the rows in the weighted low-rank approximation that has a closed form (Hsu et al. 2022, arXiv
    2207.00112), of relative importances (FILA, arXiv 2408.06621).
    """
    below = retain + damping * retain.mean() + floor
    relative = torch.where(forget > 0, forget / below, torch.zeros_like(forget))
    return relative.sum(1).sqrt()


def split(
    weight: Tensor, rows: Tensor, rank: int, scale: float, *, exact: bool, seed: int, floor: float = 0.0
) -> LowRank:
    """The product of rank ``rank`` next to the weight, each row's squared error counting ``rows`` squared.

    With U S V^T the largest singular triples of diag(rows) W, A = sqrt(S / scale) V^T and B = diag(1 / rows) U
    sqrt(S / scale), so ``scale`` B A = W V V^T: the rows' weights choose the subspace, and how the product is shared.
    With a floor B has 1 / (rows + floor) instead, so that of rows much below it next to nothing is taken.

    Args:
        weight: [out, in].
        rows: [out] not negative; a row of weight zero takes no part.
        rank: At most the smaller of the sides.
        scale: The adapter's.
        exact: Whether by the whole decomposition, or by torch's randomised one.
        seed: Chooses the randomised one's directions.
        floor: Added to the rows' weights where they are divided by (official codes of FILA and VILA: 1e-5).

    Raises:
        UserError: The rank is more than the weight's own.
    """
    if rank > min(weight.shape):
        raise UserError(
            f"rank {rank} is more than a weight of shape {tuple(weight.shape)} has", where="locus.lora.rank"
        )
    weighted = rows.double()[:, None] * weight.detach().double()
    if exact:
        u, s, vt = torch.linalg.svd(weighted, full_matrices=False)
        u, s, v = u[:, :rank], s[:rank], vt[:rank].T
    else:
        with torch.random.fork_rng(devices=[weight.device] if weight.is_cuda else []):
            torch.manual_seed(seed)
            u, s, v = torch.svd_lowrank(weighted, q=rank)
    root = (s / scale).sqrt()
    back = torch.where(rows > 0, 1 / (rows.double() + floor), 0.0)
    return LowRank((v * root).T.float().contiguous(), (back[:, None] * u * root).float().contiguous(), scale)


def refuse_dora(shape: AdapterShape) -> None:
    """Refuse an adapter that is more than a product.

    Raises:
        UserError: Its rows' lengths are learned apart from their directions.
    """
    if shape.dora:
        raise UserError("a part taken out of a weight is a plain product", where="locus.lora.dora", fix="leave it off")


def refuse_dead(rows: Mapping[str, Tensor]) -> None:
    """Refuse an adapter of which a part could never learn: both of its factors would be zero.

    Raises:
        UserError: All rows of a weight have no importance for what is forgotten.
    """
    dead = [name for name, weights in rows.items() if not weights.any()]
    if dead:
        raise UserError(
            f"the forget set says nothing about {dead[0]} and {len(dead) - 1} other weights: an adapter that starts "
            "there could never learn",
            where="locus",
            fix="give smaller batches or more records (one batch has no variance), or other modules",
        )


def refuse_unbounded(rows: Mapping[str, Tensor]) -> None:
    """Refuse weights whose importance for what is kept is zero throughout: beside it any other is endless.

    Raises:
        UserError: The rows of a weight count without bound.
    """
    lost = [name for name, weights in rows.items() if not weights.isfinite().all()]
    if lost:
        raise UserError(
            f"what is kept says nothing about {lost[0]} and {len(lost) - 1} other weights",
            where="locus",
            fix="choose other modules, or keep records that reach them: text does not reach a vision tower",
        )


def beginnings(
    weights: Mapping[str, Tensor], rows: Mapping[str, Tensor], shape: AdapterShape, *, exact: bool, floor: float = 0.0
) -> dict[str, LowRank]:
    """What the adapter of each weight begins as, by the weight's name.

    Args:
        weights: [out, in] each.
        rows: [out] each, how much a row counts.
        shape: The adapter's.
        exact: Whether the singular vectors are computed to the end, or by a randomised method.
        floor: Added to the rows' weights where they are divided by.

    Raises:
        UserError: The forget set or what is kept says nothing about one of them.
    """
    refuse_dead(rows)
    refuse_unbounded(rows)
    return {
        name: split(weight, rows[name], shape.rank, shape.scale, exact=exact, seed=0, floor=floor)
        for name, weight in weights.items()
    }
