"""Labels do not cover each other, the points or the frame's edge."""

from __future__ import annotations

import re
from itertools import combinations

from benign.report.labels import Box, place
from benign.report.plots import tradeoff
from tests.report.pages import scoreboard

FRAME = Box(0, 0, 400, 300)


def test_labels_of_crowded_points_do_not_overlap() -> None:
    anchors = [(380.0, 280.0), (378.0, 282.0), (384.0, 276.0), (370.0, 284.0), (382.0, 270.0), (376.0, 274.0)]
    points = [Box(x - 5, y - 5, 10, 10) for x, y in anchors]
    boxes = place(anchors, [(110.0, 13.0)] * 6, FRAME, points)
    assert all(box.inside(FRAME) for box in boxes)
    assert not any(a.overlap(b) for a, b in combinations(boxes, 2))
    assert not any(box.overlap(point) for box in boxes for point in points)


def test_a_lone_label_stands_beside_its_point() -> None:
    (box,) = place([(100.0, 100.0)], [(40.0, 10.0)], FRAME, [Box(95, 95, 10, 10)])
    assert (box.x, box.y) == (107.0, 95.0)


def test_no_spot_inside_the_frame_still_gives_one() -> None:
    (box,) = place([(5.0, 5.0)], [(500.0, 10.0)], Box(0, 0, 20, 20), [])
    assert box.width == 500.0


def test_overlap_is_the_common_area() -> None:
    assert Box(0, 0, 10, 10).overlap(Box(6, 7, 10, 10)) == 12.0
    assert Box(0, 0, 10, 10).overlap(Box(10, 0, 5, 5)) == 0.0


def test_every_model_has_its_label_in_the_trade_off() -> None:
    svg = tradeoff(scoreboard(), "smfa")
    labels = re.findall(r">([\w ]+)</text>", svg)
    assert {row.method for row in scoreboard().rows} <= set(labels)
