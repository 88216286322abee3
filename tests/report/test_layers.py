"""The layers' pictures: every number is told, in the page and in each drawing's words."""

from __future__ import annotations

import math
import re

import pytest

from benign.audit.diagnostics import Diagnosis
from benign.audit.score import Score
from benign.errors import NotMeasured
from benign.report.html import render
from benign.report.inside import layer_curves
from benign.report.layers import layers_drawing
from benign.report.page import LayerCurves
from tests.report.pages import page
from tests.report.test_html import EVIL, Reader

SCORE = Score(0.5, 0.4, 0.6, 9)
INSIDE = {
    "original": {"depth": Diagnosis(SCORE, {"erased": (0.0, None), "encoding": (1.0, 0.0)})},
    "npo": {
        "depth": Diagnosis(NotMeasured("nothing to lose"), {"erased": (0.25, 0.75)}),
        "lens": Diagnosis(SCORE, {"original": (-9.0, -9.0), "unlearned": (math.log(0.5), 0.0)}),
        "grad_norm": Diagnosis(SCORE),
    },
}


def test_each_diagnostic_gives_its_own_curve_of_every_row() -> None:
    depth, lens = layer_curves(INSIDE)
    assert depth.lines == {"original": (0.0, None), "npo": (0.25, 0.75)}
    assert lens.lines == {"npo": (pytest.approx(0.5), 1.0)}, "log-probabilities are shown as probabilities"
    assert layer_curves({"npo": {"depth": Diagnosis(SCORE, {"erased": (None, None)})}}) == ()
    assert layer_curves({}) == ()


@pytest.mark.parametrize("narrow", [False, True])
def test_every_number_is_in_the_words(narrow: bool) -> None:
    svg = layers_drawing(layer_curves(INSIDE)[0], narrow=narrow)
    assert "original: 0\u00a0%, none; npo: 25\u00a0%, 75\u00a0%" in svg
    assert {">original</text>", ">npo</text>", ">decoder layer</text>"} <= set(re.findall(r">[^<>]+</text>", svg))


def test_names_are_shown_as_they_are() -> None:
    svg = layers_drawing(LayerCurves("depth", "t", "m", {"$k^5$": (0.1,), "_npo": (0.2,)}))
    assert ">$k^5$</text>" in svg and "_npo</text>" in svg


def test_many_layers_are_not_all_numbered() -> None:
    svg = layers_drawing(LayerCurves("depth", "t", "m", {"npo": (0.5,) * 80}))
    numbered = [int(found) for found in re.findall(r">(\d+)</text>", svg)]
    assert numbered == list(range(0, 80, 5))


def test_the_page_has_them_and_stays_whole() -> None:
    shown = render(page(layers=layer_curves(INSIDE)))
    reader = Reader(shown)
    ids = reader.values("id")
    assert len(ids) == len(set(ids)) and reader.open == []
    assert shown.count("What the layers still show") == 1
    assert "What the layers still show" not in render(page())
    spoilt = render(page(layers=(LayerCurves("depth", EVIL, EVIL, {EVIL: (0.5,)}),)))
    assert len(Reader(spoilt).named("script")) == 1
