"""GU and BLUR as methods: their settings reach the parts."""

from __future__ import annotations

from benign.engine.recipe import Train
from benign.methods.blur import BLUR
from benign.methods.gu import GU
from benign.parts.objectives.grad_ascent import GradientAscent
from benign.parts.objectives.npo import NegativePreference
from benign.parts.updates.blur import ForgetFirst
from benign.parts.updates.gu import GeometricDisentanglement


def test_gu_is_ascent_with_its_update_and_no_momentum() -> None:
    (stage,) = GU(forget_weight=0.5, alpha=2.0, metric="plain").recipe().stages
    assert isinstance(stage, Train)
    assert [(term.name, term.weight) for term in stage.terms] == [("forget", 0.5), ("retain", 1.0)]
    assert stage.terms[0].objective == GradientAscent()
    assert stage.update == GeometricDisentanglement("plain", 2.0)
    assert stage.optim.betas[0] == 0.0


def test_blur_is_npo_with_its_update() -> None:
    (stage,) = BLUR(gamma=0.25, beta=0.2).recipe().stages
    assert isinstance(stage, Train)
    assert [term.name for term in stage.terms] == ["forget", "retain"]
    assert stage.terms[0].objective == NegativePreference(0.2)
    assert stage.update == ForgetFirst(0.25)
