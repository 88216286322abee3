"""The mask's picture holds every module's share, and shrinks what it must."""

from __future__ import annotations

import re

from benign.report.heat import heat_map
from benign.report.page import LayerMask
from tests.report.pages import masks


def told(svg: str) -> list[str]:
    return re.findall(r">([^<>]+)</text>", svg)


def test_every_share_is_written_in_its_cell() -> None:
    svg = heat_map([LayerMask("a", 0, "q_proj", 0.12, 1.0), LayerMask("b", 1, "q_proj", 0.34, 1.0)])
    assert {"12\u00a0%", "34\u00a0%", "q_proj", "layer 0", "layer 1"} <= set(told(svg))


def test_two_masks_of_a_module_show_as_their_mean() -> None:
    svg = heat_map([LayerMask("a", 0, "q_proj", 0.1), LayerMask("a", 0, "q_proj", 0.3)])
    assert "20\u00a0%" in told(svg)


def test_many_layers_are_colours_alone_and_still_told_in_words() -> None:
    svg = heat_map(masks(32))
    assert not any("%" in text for text in told(svg))
    assert "layer 31: q_proj" in svg


def test_no_mask_anywhere_is_a_picture_of_nothing_taken() -> None:
    assert "0\u00a0%" in told(heat_map([LayerMask("a", 0, "q_proj", 0.0)]))
