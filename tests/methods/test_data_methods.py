"""Methods that choose, weigh, pair or rewrite records: on pictures too, and what they do to a model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import benign
from benign.data.record import Data, of_kind
from benign.engine.recipe import Optim
from benign.engine.unlearn import unlearn
from benign.methods.guard import GUARD
from benign.methods.idk import IDK
from benign.methods.melu import MELU
from benign.methods.meow import MEOW
from benign.methods.mu_coreset import MUCoreset
from benign.models.embedded.world import splits
from benign.parts.loci.lora import Lora
from benign.parts.targets.inverted import InvertedFacts
from benign.parts.weightings.grad_norm_coreset import GradNormCoreset

OPTIM = Optim(lr=1e-3, epochs=None, steps=2)


@pytest.mark.slow
def test_all_of_them_take_pictures(tmp_path: Path) -> None:
    whole = splits(5)
    data = Data(forget=of_kind(whole.forget, "memory")[:6], few=whole.few[:8], retain=whole.retain[:8])
    plain = IDK(optim=OPTIM, locus=Lora(rank=4, dropout=0.0))
    methods = {
        "guard": GUARD(plain),
        "coreset": MUCoreset(plain, GradNormCoreset(0.5, points=2)),
        "melu": MELU(plain),
        "meow": MEOW(inverted=InvertedFacts(stride=50), optim=OPTIM, locus=plain.locus),
    }
    model = benign.load("embedded:vlm")
    for name, method in methods.items():
        result = unlearn(model, data, method=method, out=tmp_path / name)
        assert result.adapter is not None
    weights = json.loads((tmp_path / "guard" / "weights.json").read_text())["mfa"]["forget"]
    assert sum(weights.values()) == pytest.approx(6) and len(set(weights.values())) > 1
    kept = json.loads((tmp_path / "coreset" / "weights.json").read_text())["mfa"]["forget"]
    assert sorted(kept.values()) == [0.0] * 3 + [1.0] * 3
