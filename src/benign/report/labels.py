"""Where the names in a picture go, so that none covers another, a point or the frame. A pure function of boxes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_RINGS = (1.0, 2.0, 3.4, 5.0, 7.0, 9.5, 12.5, 16.0)
_ANGLES = (0, 180, 90, 270, 45, 135, 315, 225, 22, 158, 338, 202, 68, 112, 248, 292)


@dataclass(frozen=True)
class Box:
    """A rectangle in points, from its lower left corner."""

    x: float
    y: float
    width: float
    height: float

    def overlap(self, other: Box) -> float:
        """The area that both cover."""
        wide = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        high = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        return max(0.0, wide) * max(0.0, high)

    def inside(self, frame: Box) -> bool:
        """Whether all of it lies in the frame."""
        return (
            self.x >= frame.x
            and self.y >= frame.y
            and self.x + self.width <= frame.x + frame.width
            and self.y + self.height <= frame.y + frame.height
        )


def place(
    anchors: Sequence[tuple[float, float]], sizes: Sequence[tuple[float, float]], frame: Box, taken: Sequence[Box]
) -> list[Box]:
    """A box for each anchor's label: as near as possible, inside the frame, off everything that is taken.

    Greedy: rings of growing radius around the anchor, the first free spot wins; if none is free, the one that covers
    least.

    Args:
        anchors: The points, in points (1/72 inch).
        sizes: Width and height of each label.
        frame: Where labels may lie.
        taken: What they may not cover: markers and interval bars.
    """
    placed: list[Box] = []
    for anchor, size in zip(anchors, sizes, strict=True):
        occupied = [*taken, *placed]
        spots = [spot for spot in _spots(anchor, size) if spot.inside(frame)] or _spots(anchor, size)
        placed.append(min(spots, key=lambda spot: round(sum(spot.overlap(other) for other in occupied), 3)))
    return placed


def _spots(anchor: tuple[float, float], size: tuple[float, float]) -> list[Box]:
    """Candidates, nearest first: the label's edge, not its middle, faces the anchor."""
    width, height = size
    spots = []
    for ring in _RINGS:
        for degrees in _ANGLES:
            across, up = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
            reach = 7.0 * ring
            middle_x = anchor[0] + across * (reach + width / 2)
            middle_y = anchor[1] + up * (reach + height / 2)
            spots.append(Box(middle_x - width / 2, middle_y - height / 2, width, height))
    return spots
