"""What all coresets have in common: how many records they keep, and that a kept one counts as it did."""

from __future__ import annotations

from collections.abc import Sequence

from benign.errors import UserError


def size(count: int, share: float) -> int:
    """max(1, floor(share count)) records.

    Raises:
        UserError: The share is not above 0 and at most 1.
    """
    if not 0 < share <= 1:
        raise UserError(f"the share must be above 0 and at most 1, got {share}", where="coreset")
    # A share such as 0.29 of 100 is 28.999... in binary.
    return max(1, int(share * count + 1e-9))


def largest(scores: Sequence[float], share: float) -> list[float]:
    """Weight 1 for the share of records with the largest scores, the earlier one where two are equal, 0 for the
    rest."""
    ranked = sorted(range(len(scores)), key=lambda place: (-scores[place], place))
    return only(ranked[: size(len(scores), share)], len(scores))


def only(places: Sequence[int], count: int) -> list[float]:
    """Weight 1 for these places, 0 for the rest."""
    kept = set(places)
    return [float(place in kept) for place in range(count)]
